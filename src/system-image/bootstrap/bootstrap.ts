import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { KnownError } from "../../host/errors.ts";
import type { Host } from "../../host/host.ts";
import { openRoot } from "../../host/files/rooted-files.ts";
import { releaseOf } from "../../releases/release.ts";
import { removeRootPassword } from "../../guest/identity/accounts.ts";
import { runDebootstrap } from "./debootstrap.ts";
import { scrubIdentity } from "../../guest/identity/scrub-identity.ts";
import { runMmdebstrap } from "./mmdebstrap.ts";
import { prefetch, type Prefetched } from "../archive/prefetch.ts";
import { installLists, packLists } from "../archive/apt-lists.ts";
import type { Archive } from "../archive/archive.ts";
import { removeTree } from "../cache/scratch.ts";
import { tidyTree } from "../tree/tidy.ts";
import { engineEnvironment, type BootstrapMeans } from "../archive/bootstrap-means.ts";
import type { SystemSpec } from "../spec/system-spec.ts";

/** What a bootstrap starts from. */
export interface BootstrapTask {
  readonly spec: SystemSpec;
  readonly means: BootstrapMeans;
  readonly archive: Archive;
}

/** Where a bootstrap works. */
export interface Workplace {
  /** An empty or missing directory for the system. */
  readonly tree: string;
  /** File for the engine's log. */
  readonly log: string;
  /** Directory for what is downloaded; undefined: the engine keeps it in the tree. */
  readonly downloads: string | undefined;
}

/** Bootstraps the system into `place.tree` and makes it fit to be copied: no leftovers, no identity. */
export async function bootstrapTree(host: Host, task: BootstrapTask, place: Workplace): Promise<void> {
  const { spec, means, archive } = task;
  const fetched =
    place.downloads === undefined ? undefined : await prefetch(host, spec, means, archive, place.downloads);
  const packed = `${place.log}.lists`;
  const packing = fetched === undefined ? undefined : packLists(fetched.lists, packed);
  // Of two failures the engine's is the one to tell; until then this one must not count as unhandled.
  const packingEnded = packing?.catch(() => undefined);
  await host.log.phase(`bootstrap ${spec.suite} ${spec.arch} with ${spec.engine}`, () =>
    bootstrapFrom(host, task, place, fetched).finally(() => packingEnded),
  );
  await packing;
  const files = openRoot(place.tree);
  await tidyTree(files, spec, archive.mirror);
  if (fetched !== undefined) await installLists(packed, place.tree);
  await scrubIdentity(files);
  // Each guest's create does it again; where nothing is left to do, that costs no process.
  if (await files.exists("/etc/passwd")) await removeRootPassword(files);
}

// Our idea of what the engine needs may miss a suite's own: then it gets the whole archive.
async function bootstrapFrom(
  host: Host,
  task: BootstrapTask,
  place: Workplace,
  fetched: Prefetched | undefined,
): Promise<void> {
  if (fetched === undefined) {
    await runEngine(host, task, place, undefined);
    return;
  }
  try {
    await runEngine(host, task, place, fetched);
  } catch (error) {
    if (host.signal.aborted || !lacksPackages(error)) throw error;
    host.log.warn(`not all packages were fetched beforehand, ${task.spec.engine} begins anew from the mirror`);
    await removeTree(host, place.tree);
    await runEngine(host, task, place, undefined);
  }
}

async function runEngine(
  host: Host,
  task: BootstrapTask,
  place: Workplace,
  fetched: Prefetched | undefined,
): Promise<void> {
  const { spec, means, archive } = task;
  const engineTask = {
    spec,
    environment: engineEnvironment(spec, means),
    stallTimeout: means.stallTimeout,
    directory: place.tree,
    mirror: fetched?.mirror ?? archive.mirror,
    keyring: archive.keyring,
    checkSignatures: spec.checkSignatures && fetched === undefined,
    packages: packagesFor(task),
  };
  await mkdir(place.tree, { recursive: true, mode: 0o755 });
  const from = fetched === undefined ? archive.mirror : "what was fetched";
  host.log.info(`bootstrapping ${spec.suite} ${spec.arch} with ${spec.engine} from ${from}`);
  if (spec.engine === "mmdebstrap") {
    await runMmdebstrap(host, { ...engineTask, temporary: place.downloads });
  } else {
    await spareSyncs(spec, place.tree);
    await runDebootstrap(host, { ...engineTask, log: place.log, script: fetched?.script ?? archive.script });
  }
}

// debootstrap adds it for a mirror that it sees to be https; from a local copy it does not see it.
function packagesFor({ spec, archive: { mirror } }: BootstrapTask): readonly string[] {
  const certificates = mirror.startsWith("https://") ? ["ca-certificates"] : [];
  return [...new Set([...spec.packages, ...certificates])];
}

// The tree is scratch until it is copied: no need for dpkg to sync each file. Removed when the tree is
// tidied. A dpkg that does not know the option would refuse to run.
async function spareSyncs({ suite }: SystemSpec, tree: string): Promise<void> {
  if (!releaseOf(suite).forcesUnsafeIo) return;
  const directory = join(tree, "etc/dpkg/dpkg.cfg.d");
  await mkdir(directory, { recursive: true, mode: 0o755 });
  await writeFile(join(directory, "ganeti-instance-debootstrap"), "force-unsafe-io\n", { mode: 0o644 });
}

function lacksPackages(error: unknown): boolean {
  const text = error instanceof KnownError ? error.message : "";
  return /Couldn't (?:find these debs|download)|Unable to (?:locate package|correct problems)|unmet dependencies/.test(
    text,
  );
}
