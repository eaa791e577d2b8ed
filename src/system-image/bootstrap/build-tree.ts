import { statfs } from "node:fs/promises";
import { join } from "node:path";
import { ReleaseStack, type Owned } from "../../host/disposal.ts";
import { messageOf } from "../../host/errors.ts";
import type { Host } from "../../host/host.ts";
import { type BootstrapTask, bootstrapTree } from "./bootstrap.ts";
import { uncachedName } from "../cache/leftovers.ts";
import { acquireScratch, type Scratch, scratchPlaces } from "../cache/scratch.ts";

/** A bootstrapped tree in scratch space; gone when released. */
export interface BuiltTree {
  readonly tree: string;
}

const mebibyte = 1024 * 1024;
const nearlyFull = 16 * mebibyte;

/**
 * Bootstraps in scratch space. A place that cannot be used or runs full is left for the next; undefined when there is
 * none left, and the system must be made on the disk itself. `lockedName` is the name of the system whose lock the caller
 * holds; undefined: none.
 */
export async function buildInScratch(
  host: Host,
  task: BootstrapTask,
  lockedName: string | undefined,
): Promise<(BuiltTree & Owned) | undefined> {
  const bytes = scratchBytes(task);
  for (const place of await scratchPlaces(task.means.scratch, bytes, lockedName ?? uncachedName())) {
    const scratch = await acquireScratch(host, place, bytes);
    const built = scratch === undefined ? undefined : await buildIn(host, task, scratch);
    if (built !== undefined) return built;
  }
  return undefined;
}

async function buildIn(
  host: Host,
  task: BootstrapTask,
  scratch: Scratch & Owned,
): Promise<(BuiltTree & Owned) | undefined> {
  await using stack = new ReleaseStack();
  stack.use(scratch);
  const tree = join(scratch.directory, "tree");
  try {
    await bootstrapTree(host, task, {
      tree,
      log: join(scratch.directory, "debootstrap.log"),
      downloads: scratch.directory,
    });
  } catch (error) {
    if (host.signal.aborted || !(await isFull(scratch.directory))) throw error;
    host.log.warn(`the scratch space in ${scratch.description} is full: ${messageOf(error)}`);
    return undefined;
  }
  const release = stack.move();
  return { tree, [Symbol.asyncDispose]: () => release[Symbol.asyncDispose]() };
}

/** What a bootstrap takes at its peak: the tree, the packages downloaded, their indices. Extra packages may be kernels. */
function scratchBytes({ spec }: BootstrapTask): number {
  return (spec.packages.length === 0 ? 768 : 2048) * mebibyte;
}

async function isFull(directory: string): Promise<boolean> {
  const { bavail, bsize, ffree } = await statfs(directory);
  return bavail * bsize < nearlyFull || ffree === 0;
}
