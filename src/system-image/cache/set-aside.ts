import { rename, rm } from "node:fs/promises";
import { messageOf } from "../../host/errors.ts";
import type { Host } from "../../host/host.ts";
import { removeDerived } from "./expiry.ts";
import type { CacheEntry } from "./folder.ts";
import { isPinnedTar, statIfThere } from "./pins.ts";

/**
 * Moves a damaged tar out of the way, so that its owner can look at it, and drops what was derived from it. Where it
 * cannot be moved (a read-only filesystem, an immutable file) that is logged: the caller does not use it in any case.
 */
export async function setAside(host: Host, entry: CacheEntry, reason: string): Promise<void> {
  const damage = `the cache ${entry.tarPath} is damaged (${reason})`;
  const damaged = `${entry.tarPath}.damaged`;
  try {
    const aside = (await isPinnedTar(damaged)) ? await freePath(damaged) : damaged;
    await rename(entry.tarPath, aside);
    host.log.warn(`${damage}: set aside as ${aside}`);
  } catch (error) {
    host.log.warn(`${damage}: not used, but it cannot be set aside: ${messageOf(error)}`);
    return;
  }
  await dropDerived(host, entry);
}

/**
 * Moves an administrator's own tar out of the way of one that is to replace it. It is not named as a damaged one is:
 * nothing of ours removes it.
 */
export async function setAsideOwn(host: Host, { tarPath }: CacheEntry): Promise<void> {
  const aside = await freePath(`${tarPath}.replaced`);
  await rename(tarPath, aside);
  host.log.warn(`the cache ${tarPath} is an administrator's own and gets replaced: set aside as ${aside}`);
}

/**
 * Removes what was derived from a tar. Left behind it does no harm: the checksum tells that the manifest is another
 * tar's, and an image has it in its name.
 */
export async function dropDerived(host: Host, entry: CacheEntry): Promise<void> {
  try {
    await removeDerived(entry);
  } catch (error) {
    host.log.warn(`what was derived from ${entry.tarPath} cannot be removed: ${messageOf(error)}`);
  }
}

/** Removes an image that cannot be used any more; that it cannot be removed is a warning. */
export async function removeImage(host: Host, path: string): Promise<void> {
  try {
    await rm(path, { force: true });
  } catch (error) {
    host.log.warn(`${path} cannot be removed: ${messageOf(error)}`);
  }
}

async function freePath(path: string): Promise<string> {
  for (let number = 0, free = path; ; number += 1, free = `${path}.${String(number)}`) {
    if ((await statIfThere(free)) === undefined) return free;
  }
}
