import type { Config } from "../../config/config.ts";
import { KnownError, messageOf } from "../../host/errors.ts";
import type { Host } from "../../host/host.ts";
import type { FileEdit, RootedFiles } from "../../host/files/rooted-files.ts";
import type { Instance } from "../../os-api/request.ts";
import { decideNetwork } from "./decide.ts";
import type { NetworkPlan } from "./plan.ts";
import { renderers } from "./renderers/installed.ts";
import { isIntact, marked, type RenderedFile, type Renderer } from "./renderers/rendered.ts";
import type { NetworkSettings } from "./wishes.ts";

/** What brings the network files of a guest that ran up to date, found out before anything is written. */
export interface Rerendering {
  /** The files that were written by an earlier run, and that nobody has edited since. */
  readonly ours: readonly string[];
  readonly edits: readonly FileEdit[];
  readonly created: readonly RenderedFile[];
  readonly removed: readonly string[];
  /** What stays the administrator's, in sentences. */
  readonly left: readonly string[];
}

/**
 * The plan for an instance that exists; undefined with network=none, and where the network cannot be planned: then
 * `left` says why, because a rename must not fail for that.
 */
export async function planAgain(
  host: Host,
  settings: NetworkSettings & Pick<Config, "network">,
  instance: Pick<Instance, "name" | "nics">,
): Promise<{ readonly plan: NetworkPlan | undefined; readonly left: readonly string[] }> {
  try {
    return { plan: await decideNetwork(host, settings, instance), left: [] };
  } catch (error) {
    if (!(error instanceof KnownError) || host.signal.aborted) throw error;
    return { plan: undefined, left: [`the network: ${messageOf(error)}`] };
  }
}

/**
 * Plans how the files of a guest's network get to `plan`: those that an earlier run wrote and nobody has edited are
 * written again, go, or get company. Without such a file nothing happens, for then the guest configures itself.
 */
export async function planRendering(files: RootedFiles, plan: NetworkPlan | undefined): Promise<Rerendering> {
  const parts = [];
  for (const renderer of plan === undefined ? [] : renderers) parts.push(await rerender(files, renderer, plan));
  return {
    ours: parts.flatMap(({ ours }) => ours),
    edits: parts.flatMap(({ edits }) => edits),
    created: parts.flatMap(({ created }) => created),
    removed: parts.flatMap(({ removed }) => removed),
    left: parts.flatMap(({ left }) => left),
  };
}

/** Writes the files that are new and removes those that have no interface any more; `edits` are the caller's. */
export async function applyRendering(
  files: RootedFiles,
  { created, removed }: Pick<Rerendering, "created" | "removed">,
): Promise<void> {
  for (const { path, text, mode } of created) await files.write(path, text, { mode });
  for (const path of removed) await files.remove(path);
}

async function rerender(files: RootedFiles, renderer: Renderer, plan: NetworkPlan | undefined): Promise<Rerendering> {
  const found = await look(files, renderer);
  const ours = [...found].filter(([, text]) => isIntact(text)).map(([path]) => path);
  if (plan === undefined || ours.length === 0) return { ours, edits: [], created: [], removed: [], left: [] };
  const wanted = renderer.render(plan).map((file) => ({ ...file, text: marked(file.text) }));
  const paths = wanted.map(({ path }) => path);
  return {
    ours,
    edits: wanted
      .filter(({ path, text }) => ours.includes(path) && found.get(path) !== text)
      .map(({ path, text }) => ({ path, change: () => text })),
    created: wanted.filter(({ path }) => !found.has(path)),
    removed: ours.filter((path) => !paths.includes(path)),
    left: paths
      .filter((path) => found.has(path) && !ours.includes(path))
      .map((path) => `${path}: it was edited in the guest`),
  };
}

// What is no file of a usual size counts as edited.
async function look(files: RootedFiles, { place }: Renderer): Promise<ReadonlyMap<string, string>> {
  const found = new Map<string, string>();
  for (const name of (await attempt(() => files.list(place.directory))) ?? []) {
    if (!place.names.test(name)) continue;
    const path = `${place.directory}/${name}`;
    found.set(path, (await attempt(() => files.readBytes(path)))?.toString("latin1") ?? "");
  }
  return found;
}

async function attempt<T>(work: () => Promise<T>): Promise<T | undefined> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof KnownError) return undefined;
    throw error;
  }
}
