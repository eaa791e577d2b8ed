import { mkdir, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { hasCode, KnownError } from "../errors.ts";

/** A directory cannot be where it is wanted, whoever asks: below a file, or on /proc. */
export class UnusableDirectory extends KnownError {
  override readonly name = "UnusableDirectory";
}

/**
 * Makes the directory `path` and those above it that are missing, with `mode`. Throws UnusableDirectory where there
 * can be none, and system errors (EROFS, EACCES, ENOSPC). A recursive mkdir of node never ends on /proc, where a
 * missing directory cannot be made: mkdir(2) says ENOENT there although the one above exists.
 */
export async function makeDirectories(path: string, mode: number): Promise<void> {
  if (await makeOne(path, mode)) return;
  const parent = dirname(path);
  if (parent !== path) await makeDirectories(parent, mode);
  if (await makeOne(path, mode)) return;
  throw new UnusableDirectory(`${path} cannot be made: ${parent} takes no directories`, { hint: otherPlace });
}

const otherPlace = "name a directory on an ordinary filesystem";

/** Whether the directory is there now; false when the one above it is missing. */
async function makeOne(path: string, mode: number): Promise<boolean> {
  try {
    await mkdir(path, { mode });
    return true;
  } catch (error) {
    if (hasCode(error, "ENOENT")) return false;
    if (hasCode(error, "ENOTDIR")) throw belowFile(path, error);
    if (!hasCode(error, "EEXIST")) throw error;
  }
  if (!(await stat(path)).isDirectory())
    throw new UnusableDirectory(`${path} is not a directory`, { hint: otherPlace });
  return true;
}

function belowFile(path: string, cause: unknown): UnusableDirectory {
  return new UnusableDirectory(`${path} cannot be a directory: a part of this path is a file`, {
    cause,
    hint: otherPlace,
  });
}
