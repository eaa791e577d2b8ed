import type { Config } from "../config/config.ts";
import { ReleaseStack, type Owned } from "../host/disposal.ts";
import { UnusableDirectory } from "../host/files/directories.ts";
import { messageOf } from "../host/errors.ts";
import type { Host } from "../host/host.ts";
import type { Lock } from "../host/lock.ts";
import { preflight } from "./archive/archive.ts";
import { type BootstrapMeans, bootstrapMeans } from "./archive/bootstrap-means.ts";
import { buildInScratch } from "./bootstrap/build-tree.ts";
import { type Cache, makeCacheFolder, openCache } from "./cache/cache.ts";
import type { CheckedTar } from "./cache/checked-tar.ts";
import { removeExpired } from "./cache/expiry.ts";
import { besidePinned, findCached } from "./cache/find-cached.ts";
import { markUsed } from "./cache/last-use.ts";
import { removeLeftovers } from "./cache/leftovers.ts";
import { publishOrWarn } from "./cache/publish.ts";
import { orderSystem, type SystemOrder } from "./cache/system-order.ts";
import { fromScratch, fromTar, onDisk, type SystemSource } from "./system-source.ts";

export type { GuestFilesystem, PopulatedFilesystem } from "./image/fresh-filesystem.ts";
export type { SystemSource } from "./system-source.ts";

/** What the settings say of this node: its cache, and with what it bootstraps. */
interface Supply {
  readonly cache: Cache;
  readonly means: BootstrapMeans;
}

/**
 * Finds the system of `config` in the cache, or bootstraps it; any number of processes that want the same system at
 * once run one bootstrap. `bootPackages`: what the guest needs for booting. No disk is touched. Throws KnownError when
 * the bootstrap fails.
 */
export async function acquireSystem(
  host: Host,
  config: Config,
  bootPackages: readonly string[],
): Promise<SystemSource & Owned> {
  const supply = { cache: await openCache(config), means: bootstrapMeans(config) };
  const { cache } = supply;
  const asked = orderSystem(config, cache.folder, bootPackages);
  await cleanFolder(host, supply);
  const found = await findCached(host, cache, asked, false);
  if (found !== undefined) return await fromCache(host, supply, found);
  const order = await besidePinned(host, cache, asked);
  const cached = order === asked ? undefined : await findCached(host, cache, order, false);
  if (cached !== undefined) return await fromCache(host, supply, cached);
  const lock = cache.writable ? await lockForBuilding(host, order) : undefined;
  if (lock === undefined) return await bootstrapped(host, supply, order, undefined);
  return await cachedOrBuilt(host, supply, order, lock);
}

// The lock is ours to release, at once or, while the system exists only as a tree of ours, with the system.
async function cachedOrBuilt(
  host: Host,
  supply: Supply,
  order: SystemOrder,
  lock: Lock,
): Promise<SystemSource & Owned> {
  await using stack = new ReleaseStack();
  stack.use(lock);
  const cached = await findCached(host, supply.cache, order, true);
  if (cached !== undefined) return await fromCache(host, supply, cached);
  return await bootstrapped(host, supply, order, stack);
}

/** `building`: what is held while a cache is to be written; undefined: none is. */
async function bootstrapped(
  host: Host,
  supply: Supply,
  order: SystemOrder,
  building: ReleaseStack | undefined,
): Promise<SystemSource & Owned> {
  const { spec, entry } = order;
  const task = { spec, means: supply.means, archive: await preflight(host, spec, supply.means) };
  await using stack = building?.move() ?? new ReleaseStack();
  const built = await buildInScratch(host, task, building === undefined ? undefined : entry.name);
  if (built === undefined) return onDisk(host, task, building === undefined ? undefined : order, stack.move());
  stack.use(built);
  const tar = building === undefined ? undefined : await publishOrWarn(host, order, built.tree);
  if (tar !== undefined) return await fromCache(host, supply, tar);
  return await fromScratch(host, spec, built.tree, stack.move());
}

async function fromCache(host: Host, { cache, means }: Supply, tar: CheckedTar): Promise<SystemSource & Owned> {
  await markUsed(tar.entry);
  return fromTar(host, tar, cache, means.scratch);
}

// Neither an unwritable folder nor another process's clean-up is a reason not to install.
async function cleanFolder(host: Host, { cache: { folder, days }, means }: Supply): Promise<void> {
  try {
    await removeLeftovers(host, folder, means.scratch);
    await removeExpired(host, folder, days);
  } catch (error) {
    if (host.signal.aborted) throw error;
    host.log.warn(`cannot clean the cache in ${folder.directory}: ${messageOf(error)}`);
  }
}

async function lockForBuilding(host: Host, { entry }: SystemOrder): Promise<Lock | undefined> {
  const { folder } = entry;
  try {
    await makeCacheFolder(folder);
    return await entry.lock(host, "is making");
  } catch (error) {
    if (host.signal.aborted || error instanceof UnusableDirectory) throw error;
    host.log.warn(`cannot write to the cache in ${folder.directory} (${messageOf(error)}); continuing without a cache`);
    return undefined;
  }
}
