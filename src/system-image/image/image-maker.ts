import { rm, stat } from "node:fs/promises";
import type { Owned } from "../../host/disposal.ts";
import { messageOf } from "../../host/errors.ts";
import type { Host } from "../../host/host.ts";
import type { Cache } from "../cache/cache.ts";
import { openCacheFile } from "../cache/cache-file.ts";
import type { CheckedTar } from "../cache/checked-tar.ts";
import type { CacheEntry } from "../cache/folder.ts";
import type { Manifest } from "../cache/manifest.ts";
import type { ScratchSpace } from "../cache/scratch.ts";
import type { GuestFilesystem } from "./fresh-filesystem.ts";
import { buildImage } from "./build-image.ts";
import { type ImageGeometry, imageVariant, planFilesystem } from "./geometry.ts";
import { isOfThisVersion, type OpenImage } from "./image-file.ts";
import { openTrusted, rememberImage } from "./trusted-image.ts";

/** For whom and where an image is made. */
export interface ImageSite {
  readonly filesystem: GuestFilesystem;
  readonly cache: Cache;
  readonly space: ScratchSpace;
}

/**
 * Makes the image of `tar` and returns it opened; undefined when the cache is not to be written, or another process is
 * at work on it: to unpack the tar takes less time than to wait.
 */
export async function makeImage(
  host: Host,
  tar: CheckedTar,
  geometry: ImageGeometry,
  site: ImageSite,
): Promise<(OpenImage & Owned) | undefined> {
  if (!site.cache.writable) return undefined;
  await using lock = await tar.entry.tryLock(host);
  if (lock === undefined) return undefined;
  const variant = imageVariant(tar.manifest.sha256, geometry);
  const found = await tar.entry.manifest();
  const manifest = found === undefined || found === "unreadable" ? tar.manifest : found;
  const made = await openTrusted(host, tar, variant, { manifest, remember: false });
  if (made !== undefined) return made;
  return await openTrusted(host, tar, variant, {
    manifest: await buildAndRemember(host, tar, geometry, site),
    remember: false,
  });
}

/** Disks from 512 MiB to 4 TiB have the geometry of this one, by mke2fs.conf's default. */
const ordinaryDisk = { device: "", sizeBytes: 20 * 2 ** 30, minimumIoBytes: 0, optimalIoBytes: 0 };

/**
 * Makes the image for disks of ordinary size beforehand, where images are wanted at all. The caller holds the system's
 * lock. A failure is only a warning.
 */
export async function prebuildImage(host: Host, tar: CheckedTar, site: ImageSite): Promise<void> {
  if (!site.cache.images || !site.cache.writable) return;
  try {
    const plan = await planFilesystem(host, site.filesystem, ordinaryDisk);
    if (plan !== undefined) await buildAndRemember(host, tar, plan.geometry, site);
  } catch (error) {
    if (host.signal.aborted) throw error;
    host.log.warn(`no image of ${tar.entry.tarPath} was made, the next create will: ${messageOf(error)}`);
  }
}

async function buildAndRemember(
  host: Host,
  tar: CheckedTar,
  geometry: ImageGeometry,
  { filesystem, space }: ImageSite,
): Promise<Manifest> {
  const variant = imageVariant(tar.manifest.sha256, geometry);
  const path = tar.entry.imagePath(variant);
  await host.log.phase(`make the ${geometry.type} image of the cache`, () =>
    buildImage(host, tar, { filesystem, geometry, space, path }),
  );
  const manifest = await rememberImage(tar, variant, await stat(path, { bigint: true }));
  await removeOutdated(tar.entry);
  return manifest;
}

// Images that an earlier version made: nobody asks for them any more.
async function removeOutdated(entry: CacheEntry): Promise<void> {
  for (const path of await entry.images()) {
    const image = await openCacheFile(path);
    if (image === undefined) continue;
    const current = await isOfThisVersion(image).finally(() => image.close());
    if (!current) await rm(path, { force: true });
  }
}
