import type { Config } from "../config/config.ts";
import { ReleaseStack } from "../host/disposal.ts";
import { KnownError } from "../host/errors.ts";
import type { Host } from "../host/host.ts";
import type { Lock } from "../host/lock.ts";
import { buildInScratch } from "./bootstrap/build-tree.ts";
import { makeCacheFolder, openCacheFolder, waitForSystem } from "./cache/folder.ts";
import type { CacheKey } from "./cache/system-key.ts";
import { prebuildImage } from "./image/trusted-image.ts";
import { markUsed } from "./cache/last-use.ts";
import { besidePinned, findCached } from "./cache/find-cached.ts";
import { preflight } from "./archive/archive.ts";
import { publish, requireUnpinned } from "./cache/publish.ts";
import type { Wanted } from "./cache/wanted-system.ts";

/**
 * Bootstraps `wanted`, replaces what is cached of it, and makes the image that most creates will use. The caller holds
 * its lock.
 */
export async function rebuild(host: Host, wanted: Wanted): Promise<void> {
  await using stack = new ReleaseStack();
  const archive = await preflight(host, wanted.config);
  const built = await buildInScratch(host, wanted, archive, true);
  if (built === undefined) {
    throw new KnownError(`no scratch space to bootstrap ${wanted.name} in`, {
      hint: "see SCRATCH_DIR, and the messages above",
    });
  }
  stack.use(built);
  const tar = await publish(host, wanted, built.tree);
  stack.defer(() => tar.file.close());
  await prebuildImage(host, wanted, tar);
}

/** What {@link ensureCached} did: under which name the system is kept, and whether it was bootstrapped for it. */
export interface Ensured {
  readonly name: string;
  readonly built: boolean;
}

/**
 * Makes sure that the system is cached; `force` bootstraps it anew whatever is there, but for what its owner may not
 * write (KnownError). It is not bootstrapped when another process did so while this one waited, or when an
 * administrator's own tar serves it.
 */
export async function ensureCached(host: Host, asked: Wanted, force: boolean): Promise<Ensured> {
  await makeCacheFolder(asked.folder);
  const wanted = await besidePinned(host, asked);
  await using _lock = await lockForWork(host, wanted);
  const cached = force ? undefined : await findCached(host, wanted, true);
  await cached?.file.close();
  if (cached === undefined) {
    await requireUnpinned(wanted);
    await rebuild(host, wanted);
  }
  await markUsed(wanted.folder, cached?.name ?? wanted.name);
  return { name: wanted.name, built: cached === undefined };
}

/** Takes the lock of a system, and says so when that takes time. */
export async function lockForWork(
  host: Host,
  { folder, name }: Pick<Wanted, "folder" | "name">,
): Promise<Lock | undefined> {
  return await waitForSystem(host, folder, name, "is working on");
}

/** What a cached system was made from, as something that can be made again; the rest of the settings from `config`. */
export function wantedAgain(config: Config, name: string, key: CacheKey): Wanted {
  const { DEBOOTSTRAP_DIR: _, ...withoutDirectory } = config.exported;
  return {
    config: {
      ...config,
      suite: key.suite,
      arch: key.arch,
      mirror: key.mirror,
      components: key.components,
      extraPackages: key.packages,
      bootstrap: key.engine,
      debootstrapOptions: key.options,
      keyring: key.keyring,
      checkSignatures: key.checkSignatures,
      exported: {
        ...withoutDirectory,
        ...(key.debootstrapDir === undefined ? {} : { DEBOOTSTRAP_DIR: key.debootstrapDir }),
      },
    },
    needs: { packages: [], filesystem: config.filesystem, bootloader: "none" },
    key,
    name,
    folder: openCacheFolder(config.cacheDir),
  };
}
