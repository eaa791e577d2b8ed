import { rm, stat } from "node:fs/promises";
import { join } from "node:path";
import type { Stats } from "node:fs";
import { hasCode } from "../../host/errors.ts";
import type { Host } from "../../host/host.ts";
import { type CacheFolder, lockSystem, ownerOf } from "./folder.ts";

const dayMilliseconds = 24 * 60 * 60 * 1000;
const ownerWrite = 0o200;

/** Age in whole days, as find(1) -mtime counts them. */
export function ageInDays(modified: Date, now: Date = new Date()): number {
  return Math.floor((now.getTime() - modified.getTime()) / dayMilliseconds);
}

/** Whether the administrator took the owner's write permission away: such a cache is kept and used for ever. */
export function isPinned({ mode }: Pick<Stats, "mode">): boolean {
  return (mode & ownerWrite) === 0;
}

/** As {@link isPinned}, of the file at `path`; a missing one is not. */
export async function isPinnedTar(path: string): Promise<boolean> {
  const stats = await statIfThere(path);
  return stats !== undefined && isPinned(stats);
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
  for (const name of await folder.names()) {
    if (!(await tarExpired(folder, name, days))) continue;
    await using lock = await lockSystem(host, folder, name, "try");
    if (lock === undefined || !(await tarExpired(folder, name, days))) continue;
    await removeSystem(folder, name);
    host.log.info(`removed the cache ${folder.tar(name)}: older than ${String(days)} days`);
    removed.push(name);
  }
  return removed;
}

/** Removes a system with all that belongs to it, its tar first. The caller holds its lock. */
export async function removeSystem(folder: CacheFolder, name: string): Promise<void> {
  await rm(folder.tar(name), { force: true });
  await removeDerived(folder, name);
  await rm(folder.usedMark(name), { force: true });
}

/** Removes what is known or derived of a tar (manifest, images), not one that is being written. The caller holds its lock. */
export async function removeDerived(folder: CacheFolder, name: string): Promise<void> {
  const tars = [folder.tar(name), folder.partial(folder.tar(name))];
  for (const file of await folder.files()) {
    const path = join(folder.directory, file);
    if (ownerOf(file) === name && !tars.includes(path)) await rm(path, { force: true, recursive: true });
  }
}

async function tarExpired(folder: CacheFolder, name: string, days: number | undefined): Promise<boolean> {
  const stats = await statIfThere(folder.tar(name));
  return stats !== undefined && isExpired(stats, days);
}

async function statIfThere(path: string): Promise<Stats | undefined> {
  try {
    return await stat(path);
  } catch (error) {
    if (hasCode(error, "ENOENT")) return undefined;
    throw error;
  }
}
