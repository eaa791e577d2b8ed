import type { Stats } from "node:fs";
import { lstat } from "node:fs/promises";
import { hasCode, KnownError } from "../../host/errors.ts";
import type { CacheEntry } from "./folder.ts";

const ownerWrite = 0o200;

/** Whether the administrator took the owner's write permission away: such a cache is kept and used for ever. */
export function isPinned({ mode }: Pick<Stats, "mode">): boolean {
  return (mode & ownerWrite) === 0;
}

/** As {@link isPinned}, of the file at `path`; a missing one is not. */
export async function isPinnedTar(path: string): Promise<boolean> {
  const stats = await statIfThere(path);
  return stats !== undefined && isPinned(stats);
}

/** Throws KnownError when there is a tar that its owner may not write, which means: kept for ever. */
export async function requireUnpinned({ tarPath }: CacheEntry): Promise<void> {
  if (!(await isPinnedTar(tarPath))) return;
  throw new KnownError(`${tarPath} is not writable by its owner: it is kept and not replaced`, {
    hint: `chmod u+w ${tarPath}, when it may be replaced`,
  });
}

/** What lies at `path`, links not followed; undefined: nothing. */
export async function statIfThere(path: string): Promise<Stats | undefined> {
  try {
    return await lstat(path);
  } catch (error) {
    if (hasCode(error, "ENOENT", "ENOTDIR")) return undefined;
    throw error;
  }
}
