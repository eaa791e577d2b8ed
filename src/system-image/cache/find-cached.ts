import type { Host } from "../../host/host.ts";
import type { SystemOrder } from "./system-order.ts";
import { hashedName, plainName, sameSpec } from "../spec/system-spec.ts";
import type { Cache } from "./cache.ts";
import { type CheckedTar, openChecked } from "./checked-tar.ts";
import { isExpired } from "./expiry.ts";
import type { CacheEntry } from "./folder.ts";
import { isPinnedTar, statIfThere } from "./pins.ts";

/**
 * The cached system that serves `order`, opened; undefined when it must be bootstrapped. A plain tar that we did not
 * write is the administrator's own and serves every configuration of its suite and architecture. `locked` says that
 * the caller holds the lock of `order.entry`.
 */
export async function findCached(
  host: Host,
  cache: Cache,
  order: SystemOrder,
  locked: boolean,
): Promise<CheckedTar | undefined> {
  for (const entry of entriesFor(cache, order)) {
    if (await isStale(cache, entry)) continue;
    const tar = await openChecked(host, entry, locked && entry.name === order.entry.name);
    if (tar === undefined) continue;
    if (serves(tar, order)) {
      warnOfForeign(host, tar, order);
      return tar;
    }
    await tar.file.close();
  }
  return undefined;
}

/**
 * `order` as it is to be made where {@link findCached} has nothing: under its own name, or, where an administrator
 * pinned a system made for other settings there, under a name with the hash of its spec.
 */
export async function besidePinned(host: Host, cache: Cache, order: SystemOrder): Promise<SystemOrder> {
  const { spec, entry } = order;
  const beside = cache.folder.entry(hashedName(spec));
  if (beside.name === entry.name || !(await isPinnedTar(entry.tarPath))) return order;
  const pinned = await openChecked(host, entry, false);
  await pinned?.file.close();
  // A damaged one was set aside; one that serves was put there in this moment.
  if (pinned === undefined || serves(pinned, order)) return order;
  if (cache.writable && (await statIfThere(beside.tarPath)) === undefined) {
    host.log.warn(
      `the cache ${entry.tarPath} was made for other settings and is kept, as its owner may not write it: ` +
        `what is wanted now is cached as ${beside.tarPath}; chmod u+w lets the next create replace the old one`,
    );
  }
  return { ...order, entry: beside };
}

/** The systems that may serve `order`, the plain one first: it may be the administrator's own. */
export function entriesFor({ folder }: Cache, { spec, entry }: SystemOrder): readonly CacheEntry[] {
  const plain = plainName(spec);
  return plain === entry.name ? [entry] : [folder.entry(plain), entry];
}

/** Whether a tar with this manifest may be used for `order`. */
export function serves({ manifest }: Pick<CheckedTar, "manifest">, { spec }: SystemOrder): boolean {
  return manifest.kind === "adopted" || sameSpec(manifest.key, spec);
}

function warnOfForeign(host: Host, { entry, manifest }: CheckedTar, { chosen }: SystemOrder): void {
  if (manifest.kind !== "adopted") return;
  const doubt = chosen.length === 0 ? "" : `; whether it fits ${chosen.join(", ")} is not known`;
  const message = `the cache ${entry.tarPath} is an administrator's own${doubt}`;
  if (chosen.length === 0) host.log.info(message);
  else host.log.warn(message);
}

async function isStale({ days }: Cache, { tarPath }: CacheEntry): Promise<boolean> {
  const stats = await statIfThere(tarPath);
  return stats === undefined || (stats.isFile() && isExpired(stats, days));
}
