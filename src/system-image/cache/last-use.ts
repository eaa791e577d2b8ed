import { open, stat, utimes } from "node:fs/promises";
import { hasCode } from "../../host/errors.ts";
import type { CacheFolder } from "./folder.ts";
import { ageInDays } from "./expiry.ts";

/**
 * Remembers that somebody asked for the system now: by the time of an empty file, for a create has no lock under which it
 * could write the manifest. A cache that cannot be written does not remember.
 */
export async function markUsed(folder: CacheFolder, name: string): Promise<void> {
  const now = new Date();
  try {
    await utimes(folder.usedMark(name), now, now);
  } catch (error) {
    if (hasCode(error, "ENOENT")) await makeMark(folder.usedMark(name));
  }
}

/** Whole days since somebody asked for the system; they begin to count now when nothing is known. */
export async function daysUnused(folder: CacheFolder, name: string): Promise<number> {
  try {
    return ageInDays((await stat(folder.usedMark(name))).mtime);
  } catch (error) {
    if (!hasCode(error, "ENOENT")) throw error;
    await makeMark(folder.usedMark(name));
    return 0;
  }
}

async function makeMark(path: string): Promise<void> {
  try {
    const file = await open(path, "a", 0o600);
    await file.close();
  } catch {
    // A folder that is not there yet or is read-only.
  }
}
