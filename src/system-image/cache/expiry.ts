import type { Stats } from "node:fs";
import { rm } from "node:fs/promises";
import type { Host } from "../../host/host.ts";
import type { CacheEntry, CacheFolder } from "./folder.ts";
import { partialPath } from "./partial-path.ts";
import { isPinned, statIfThere } from "./pins.ts";

const dayMilliseconds = 24 * 60 * 60 * 1000;

/** Age in whole days, as find(1) -mtime counts them. */
export function ageInDays(modified: Date, now: Date = new Date()): number {
  return Math.floor((now.getTime() - modified.getTime()) / dayMilliseconds);
}

/** Whether a tar is older than CLEAN_CACHE days (undefined: never), counted from its modification time. */
export function isExpired(tar: Pick<Stats, "mode" | "mtime">, days: number | undefined, now?: Date): boolean {
  return days !== undefined && !isPinned(tar) && ageInDays(tar.mtime, now) > days;
}

/**
 * Removes every system in the folder that is older than `days`, with its manifest and images. One that is being built
 * or replaced by another process is left to it. Returns the names removed.
 */
export async function removeExpired(
  host: Host,
  folder: CacheFolder,
  days: number | undefined,
): Promise<readonly string[]> {
  const removed: string[] = [];
  for (const entry of await folder.entries()) {
    if (!(await tarExpired(entry, days))) continue;
    await using lock = await entry.tryLock(host);
    if (lock === undefined || !(await tarExpired(entry, days))) continue;
    await removeSystem(entry);
    host.log.info(`removed the cache ${entry.tarPath}: older than ${String(days)} days`);
    removed.push(entry.name);
  }
  return removed;
}

/** Removes what is known or derived of a tar (manifest, images), not one that is being written. The caller holds its lock. */
export async function removeDerived(entry: CacheEntry): Promise<void> {
  const tars = [entry.tarPath, partialPath(entry.tarPath)];
  for (const path of await entry.files()) {
    if (!tars.includes(path)) await rm(path, { force: true, recursive: true });
  }
}

async function removeSystem(entry: CacheEntry): Promise<void> {
  await rm(entry.tarPath, { force: true });
  await removeDerived(entry);
  await rm(entry.usedPath, { force: true });
}

// What is not a regular file is not a tar: whoever opens it says so.
async function tarExpired({ tarPath }: CacheEntry, days: number | undefined): Promise<boolean> {
  const stats = await statIfThere(tarPath);
  return stats?.isFile() === true && isExpired(stats, days);
}
