import type { Config } from "../config/config.ts";
import { ReleaseStack } from "../host/disposal.ts";
import { KnownError } from "../host/errors.ts";
import type { Host } from "../host/host.ts";
import { preflight } from "./archive/archive.ts";
import { type BootstrapMeans, bootstrapMeans } from "./archive/bootstrap-means.ts";
import { buildInScratch } from "./bootstrap/build-tree.ts";
import { type Cache, makeCacheFolder, openCache } from "./cache/cache.ts";
import { besidePinned, findCached } from "./cache/find-cached.ts";
import { markUsed } from "./cache/last-use.ts";
import { requireUnpinned } from "./cache/pins.ts";
import { publish } from "./cache/publish.ts";
import type { GuestFilesystem } from "./image/fresh-filesystem.ts";
import { prebuildImage } from "./image/image-maker.ts";
import { orderSystem, type SystemOrder } from "./cache/system-order.ts";

/** With what, and for which guests, systems are made beforehand. */
export interface Workshop {
  readonly cache: Cache;
  readonly means: BootstrapMeans;
  /** The filesystem of most guests: an image of it is made, too. */
  readonly filesystem: Omit<GuestFilesystem, "suite">;
}

/** Bootstraps `order`, replaces what is cached of it, and makes the image. The caller holds its lock. */
export async function rebuild(host: Host, { cache, means, filesystem }: Workshop, order: SystemOrder): Promise<void> {
  const { spec, entry } = order;
  await using stack = new ReleaseStack();
  const task = { spec, means, archive: await preflight(host, spec, means) };
  const built = await buildInScratch(host, task, entry.name);
  if (built === undefined) {
    throw new KnownError(`no scratch space to bootstrap ${entry.name} in`, {
      hint: "see SCRATCH_DIR, and the messages above",
    });
  }
  stack.use(built);
  const tar = await publish(host, order, built.tree);
  stack.defer(() => tar.file.close());
  const site = { filesystem: { ...filesystem, suite: spec.suite }, cache, space: means.scratch };
  await prebuildImage(host, tar, site);
}

/** The system that {@link ensureCached} is to cache. */
export interface CacheRequest {
  /** What a guest needs for booting. */
  readonly bootPackages: readonly string[];
  readonly bootloader: GuestFilesystem["bootloader"];
  /** Bootstraps it anew, whether it is there or not. */
  readonly force: boolean;
}

/** The result of {@link ensureCached}: under which name the system is kept, and whether it was bootstrapped for it. */
export interface Ensured {
  readonly name: string;
  readonly built: boolean;
}

/**
 * Makes sure that the system of `config` is cached; `force` bootstraps it anew, but for a tar that its owner may not
 * write (KnownError). It is not bootstrapped when another process did so while this one waited, or when an
 * administrator's own tar serves it.
 */
export async function ensureCached(host: Host, config: Config, request: CacheRequest): Promise<Ensured> {
  const cache = await openCache(config);
  const filesystem = { type: config.filesystem, bootloader: request.bootloader };
  await makeCacheFolder(cache.folder);
  const asked = orderSystem(config, cache.folder, request.bootPackages);
  const order = await besidePinned(host, cache, asked);
  await using _lock = await order.entry.lock(host);
  const cached = request.force ? undefined : await findCached(host, cache, order, true);
  await cached?.file.close();
  if (cached === undefined) {
    await requireUnpinned(order.entry);
    await rebuild(host, { cache, means: bootstrapMeans(config), filesystem }, order);
  }
  await markUsed(cached?.entry ?? order.entry);
  return { name: order.entry.name, built: cached === undefined };
}
