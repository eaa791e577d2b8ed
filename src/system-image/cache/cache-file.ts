import { constants, type Stats } from "node:fs";
import { type FileHandle, lstat, open } from "node:fs/promises";
import { ifThere } from "../../host/files/absent.ts";
import { KnownError } from "../../host/errors.ts";
import { requireOwned } from "../../host/files/ownership.ts";

const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK } = constants;

/**
 * Opens a tar, manifest, image or package of the cache for reading; undefined when there is none. Throws KnownError when
 * it is not a regular file (a FIFO would never answer, a link may lead anywhere), UntrustedFile when others than root may
 * write to it: it would count as the administrator's own.
 */
export async function openCacheFile(path: string): Promise<FileHandle | undefined> {
  // Before it is opened, too: opening a device may do something.
  const found = await ifThere(lstat(path));
  if (found === undefined) return undefined;
  requireOwnFile(path, found);
  const file = await open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  try {
    requireOwnFile(path, await file.stat());
    return file;
  } catch (error) {
    await file.close();
    throw error;
  }
}

function requireOwnFile(path: string, stats: Stats): void {
  if (stats.isFile()) {
    requireOwned(path, stats);
    return;
  }
  throw new KnownError(`${path} is ${kindOf(stats)}, not a regular file`, {
    hint: "move it away; a cache on other storage is reached by CACHE_DIR or a bind mount",
  });
}

function kindOf(stats: Stats): string {
  if (stats.isDirectory()) return "a directory";
  if (stats.isSymbolicLink()) return "a symbolic link";
  if (stats.isFIFO()) return "a FIFO";
  if (stats.isSocket()) return "a socket";
  return "a device";
}
