import { open, utimes } from "node:fs/promises";
import { hasCode } from "../../host/errors.ts";
import { ageInDays } from "./expiry.ts";
import type { CacheEntry } from "./folder.ts";
import { statIfThere } from "./pins.ts";

/**
 * Remembers that somebody asked for the system now: by the time of an empty file, for a create has no lock under which it
 * could write the manifest. A cache that cannot be written does not remember.
 */
export async function markUsed({ usedPath }: CacheEntry): Promise<void> {
  const now = new Date();
  try {
    await utimes(usedPath, now, now);
  } catch (error) {
    if (hasCode(error, "ENOENT")) await makeMark(usedPath);
  }
}

/** Whole days since somebody asked for the system; they begin to count now when nothing is known. */
export async function daysUnused({ usedPath }: CacheEntry): Promise<number> {
  const mark = await statIfThere(usedPath);
  if (mark !== undefined) return ageInDays(mark.mtime);
  await makeMark(usedPath);
  return 0;
}

async function makeMark(path: string): Promise<void> {
  try {
    const file = await open(path, "a", 0o600);
    await file.close();
  } catch {
    // A folder that is not there yet or is read-only.
  }
}
