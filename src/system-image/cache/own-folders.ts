import { type Stats } from "node:fs";
import { lstat, stat } from "node:fs/promises";
import { join } from "node:path";
import { UnusableDirectory } from "../../host/files/directories.ts";
import { hasCode, messageOf } from "../../host/errors.ts";
import { requireOwned } from "../../host/files/ownership.ts";
import type { ScratchSpace } from "./scratch.ts";

/** Directories of ours in CACHE_DIR; what is old or half-done in them is removed. */
const folders = ["locks", "scratch", "debs"];

/**
 * Looks at CACHE_DIR, the directories in it and SCRATCH_DIR, as far as they are there, before anything in them is used or
 * removed. Throws UnusableDirectory when one is no directory, or a link where we would make a directory; UntrustedFile
 * when others than root may write to it: they could put a link to any directory there, or a system of theirs. CACHE_DIR
 * and SCRATCH_DIR themselves may be links. What lies above them is not judged.
 */
export async function requireOwnFolders(cacheDir: string, { parent }: ScratchSpace): Promise<void> {
  await requireDirectory(cacheDir, stat);
  for (const name of folders) await requireDirectory(join(cacheDir, name), lstat);
  if (parent !== join(cacheDir, "scratch")) await requireDirectory(parent, stat, { shared: true });
}

async function requireDirectory(
  path: string,
  look: (path: string) => Promise<Stats>,
  options: { readonly shared?: boolean } = {},
): Promise<void> {
  const stats = await unlessMissing(path, look);
  if (stats === undefined) return;
  if (stats.isSymbolicLink()) {
    throw new UnusableDirectory(`${path} is a symbolic link, not a directory`, {
      hint: "remove the link; CACHE_DIR and SCRATCH_DIR may name other places, and a bind mount brings one here",
    });
  }
  if (!stats.isDirectory()) throw new UnusableDirectory(`${path} is not a directory`, { hint: "move it away" });
  requireOwned(path, stats, options);
}

async function unlessMissing(path: string, look: (path: string) => Promise<Stats>): Promise<Stats | undefined> {
  try {
    return await look(path);
  } catch (error) {
    if (hasCode(error, "ENOENT")) return undefined;
    throw new UnusableDirectory(`${path} cannot be used: ${messageOf(error)}`, {
      cause: error,
      hint: "check CACHE_DIR and SCRATCH_DIR: each names a directory, or one that can be made",
    });
  }
}
