import type { Config } from "../config/config.ts";
import { ReleaseStack, type Owned } from "../host/disposal.ts";
import { messageOf } from "../host/errors.ts";
import type { Host } from "../host/host.ts";
import type { Lock } from "../host/lock.ts";
import { buildInScratch } from "./bootstrap/build-tree.ts";
import { makeCacheFolder, waitForSystem } from "./cache/folder.ts";
import type { SystemNeeds } from "./cache/system-key.ts";
import { removeExpired } from "./cache/expiry.ts";
import type { CheckedTar } from "./cache/checked-tar.ts";
import { markUsed } from "./cache/last-use.ts";
import { removeLeftovers } from "./cache/leftovers.ts";
import { besidePinned, findCached } from "./cache/find-cached.ts";
import type { PopulatedFilesystem } from "./fresh-filesystem.ts";
import { preflight } from "./archive/archive.ts";
import { publishOrWarn } from "./cache/publish.ts";
import type { Requirement } from "./disk-requirement.ts";
import { fromScratch, fromTar, onDisk } from "./system-source.ts";
import { type Wanted, wantedSystem } from "./cache/wanted-system.ts";

export type { SystemNeeds } from "./cache/system-key.ts";
export type { PopulatedFilesystem } from "./fresh-filesystem.ts";

/** A system that is at hand, ready to be put on any number of disks. */
export interface SystemSource {
  /** Where it comes from, for the log and the summary. */
  readonly origin: string;
  readonly requirement: Requirement;
  /** Makes the filesystem on `device` with the system in it, and mounts it. Destroys what the device held. */
  populate(device: string): Promise<PopulatedFilesystem & Owned>;
}

/**
 * Finds the system of `config` in the cache, or bootstraps it; any number of processes that want the same system at
 * once run one bootstrap. No disk is touched. Throws KnownError when the bootstrap fails.
 */
export async function acquireSystem(host: Host, config: Config, needs: SystemNeeds): Promise<SystemSource & Owned> {
  const asked = wantedSystem(config, needs);
  await cleanFolder(host, asked);
  const found = await findCached(host, asked, false);
  if (found !== undefined) return await fromCache(host, asked, found);
  const wanted = await besidePinned(host, asked);
  const cached = wanted === asked ? undefined : await findCached(host, wanted, false);
  if (cached !== undefined) return await fromCache(host, wanted, cached);
  if (!config.generateCache) return await bootstrapped(host, wanted, undefined);
  const lock = await lockForBuilding(host, wanted);
  if (lock === undefined) return await bootstrapped(host, wanted, undefined);
  return await cachedOrBuilt(host, wanted, lock);
}

// The lock is ours to release, at once or, while the system exists only as a tree of ours, with the system.
async function cachedOrBuilt(host: Host, wanted: Wanted, lock: Lock): Promise<SystemSource & Owned> {
  await using stack = new ReleaseStack();
  stack.use(lock);
  const cached = await findCached(host, wanted, true);
  if (cached !== undefined) return await fromCache(host, wanted, cached);
  return await bootstrapped(host, wanted, stack);
}

/** `building`: what is held while a cache is to be written; undefined: none is. */
async function bootstrapped(
  host: Host,
  wanted: Wanted,
  building: ReleaseStack | undefined,
): Promise<SystemSource & Owned> {
  const archive = await preflight(host, wanted.config);
  await using stack = building?.move() ?? new ReleaseStack();
  const built = await buildInScratch(host, wanted, archive, building !== undefined);
  if (built === undefined) return onDisk(host, wanted, archive, building !== undefined, stack.move());
  stack.use(built);
  const tar = building === undefined ? undefined : await publishOrWarn(host, wanted, built.tree);
  if (tar !== undefined) return await fromCache(host, wanted, tar);
  return await fromScratch(host, wanted, built.tree, stack.move());
}

async function fromCache(host: Host, wanted: Wanted, tar: CheckedTar): Promise<SystemSource & Owned> {
  await markUsed(wanted.folder, tar.name);
  return fromTar(host, wanted, tar);
}

// Neither an unwritable folder nor another process's clean-up is a reason not to install.
async function cleanFolder(host: Host, { config, folder }: Wanted): Promise<void> {
  try {
    await removeLeftovers(host, config, folder);
    await removeExpired(host, folder, config.cleanCacheDays);
  } catch (error) {
    if (host.signal.aborted) throw error;
    host.log.warn(`cannot clean the cache in ${folder.directory}: ${messageOf(error)}`);
  }
}

async function lockForBuilding(host: Host, { folder, name }: Wanted): Promise<Lock | undefined> {
  try {
    await makeCacheFolder(folder);
    return await waitForSystem(host, folder, name, "is making");
  } catch (error) {
    if (host.signal.aborted) throw error;
    host.log.warn(`the cache in ${folder.directory} cannot be written, going on without: ${messageOf(error)}`);
    return undefined;
  }
}
