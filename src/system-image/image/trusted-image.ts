import { createHash } from "node:crypto";
import type { BigIntStats } from "node:fs";
import { open, rm, stat, type FileHandle } from "node:fs/promises";
import { join } from "node:path";
import { readBlockDevice } from "../../devices/kernel/block-device.ts";
import type { Owned } from "../../host/disposal.ts";
import { hasCode, KnownError, messageOf } from "../../host/errors.ts";
import type { Host } from "../../host/host.ts";
import { lockSystem, ownerOf } from "../cache/folder.ts";
import { buildImage } from "./build-image.ts";
import { imageBlockSize, type ImageGeometry, largestDevice, planFilesystem } from "./geometry.ts";
import { imageSha256, isOfThisVersion, openImage, type OpenImage, type UnreadableImageError } from "./image-file.ts";
import type { CheckedTar } from "../cache/checked-tar.ts";
import { readManifest, sameStamp, stampOf, writeManifest } from "../cache/manifest.ts";
import type { Wanted } from "../cache/wanted-system.ts";

/** Raised when images are made in another way. */
const format = 4;

/** An image for a certain device. */
export interface FittingImage extends OpenImage {
  readonly path: string;
  /** Arguments of tune2fs for what this device asks for. */
  readonly tuning: readonly string[];
}

/**
 * The image of `tar` for a filesystem of this geometry, made when there is none yet and nobody else is making it;
 * undefined when the tar must be unpacked instead. Nothing that goes wrong with an image stops a create.
 */
export async function imageOf(
  host: Host,
  wanted: Wanted,
  tar: CheckedTar,
  device: string,
): Promise<(FittingImage & Owned) | undefined> {
  const { config, needs } = wanted;
  const block = readBlockDevice(device);
  if (!config.imageCache || block.sizeBytes > largestDevice || block.physicalSectorSize > imageBlockSize)
    return undefined;
  try {
    const plan = await planFilesystem(host, config, needs, { device, ...block });
    if (plan === undefined) return undefined;
    const { geometry, tuning } = plan;
    const variant = imageVariant(tar, geometry);
    const image =
      (await openTrusted(host, wanted, tar, variant)) ?? (await makeImage(host, wanted, tar, geometry, variant));
    if (image !== undefined && image.header.bytes <= block.sizeBytes)
      return { ...image, path: wanted.folder.image(tar.name, variant), tuning };
    await image?.[Symbol.asyncDispose]();
  } catch (error) {
    if (host.signal.aborted) throw error;
    host.log.warn(`no image of ${wanted.folder.tar(tar.name)} can be used: ${messageOf(error)}`);
  }
  return undefined;
}

/** Removes an image that failed while it was read, and says so: the next create makes it anew. */
export async function dropImage(host: Host, path: string, { message }: UnreadableImageError): Promise<void> {
  host.log.warn(`the image ${path} cannot be read (${message}): removed, and the tar is unpacked instead`);
  try {
    await rm(path, { force: true });
  } catch (error) {
    host.log.warn(`the image ${path} cannot be removed: ${messageOf(error)}`);
  }
}

/** Disks from 512 MiB to 4 TiB have the geometry of this one, by mke2fs.conf's default. */
const ordinaryDisk = { device: "", sizeBytes: 20 * 2 ** 30, minimumIoBytes: 0, optimalIoBytes: 0 };

/**
 * Makes the image for disks of ordinary size beforehand, where images are wanted at all. The caller holds the system's
 * lock. What goes wrong is only a warning.
 */
export async function prebuildImage(host: Host, wanted: Wanted, tar: CheckedTar): Promise<void> {
  const { config, needs } = wanted;
  if (!config.imageCache || !config.generateCache) return;
  try {
    const plan = await planFilesystem(host, config, needs, ordinaryDisk);
    if (plan !== undefined) await buildFor(host, wanted, tar, plan.geometry, imageVariant(tar, plan.geometry));
  } catch (error) {
    if (host.signal.aborted) throw error;
    host.log.warn(`no image of ${wanted.folder.tar(tar.name)} was made, the next create will: ${messageOf(error)}`);
  }
}

function imageVariant({ manifest }: CheckedTar, geometry: ImageGeometry): string {
  const hash = createHash("sha256")
    .update(JSON.stringify([format, manifest.sha256, geometry]))
    .digest("hex");
  return `${geometry.type}-${hash.slice(0, 10)}`;
}

async function openTrusted(
  host: Host,
  wanted: Wanted,
  tar: CheckedTar,
  variant: string,
): Promise<(OpenImage & Owned) | undefined> {
  const path = wanted.folder.image(tar.name, variant);
  const file = await openIfThere(path);
  if (file === undefined) return undefined;
  try {
    const image = await openImage(file);
    if (image.header.tar !== tar.manifest.sha256) throw new KnownError("it was made from another tar");
    if (!(await isUntouched(wanted, tar.name, variant, file))) {
      await checkFully(host, path, image);
      await rememberChecked(host, wanted, tar, variant, file);
    }
    return { ...image, [Symbol.asyncDispose]: () => file.close() };
  } catch (error) {
    await file.close();
    if (host.signal.aborted || !(error instanceof KnownError)) throw error;
    host.log.warn(`the image ${path} is damaged (${error.message}): removed, to be made anew`);
    await rm(path, { force: true });
    return undefined;
  }
}

async function isUntouched({ folder }: Wanted, name: string, variant: string, file: FileHandle): Promise<boolean> {
  const manifest = await readManifest(folder.manifest(name));
  return sameStamp(manifest?.images?.[variant], stampOf(await file.stat({ bigint: true })));
}

async function checkFully(host: Host, path: string, image: OpenImage): Promise<void> {
  const sha256 = await host.log.phase(`check ${path}`, () => imageSha256(image));
  if (sha256 !== image.sha256) throw new KnownError("its bytes changed");
}

// So that it is read whole once only. Where that cannot be written, or somebody else is at work, the next create does.
async function rememberChecked(
  host: Host,
  wanted: Wanted,
  tar: CheckedTar,
  variant: string,
  file: FileHandle,
): Promise<void> {
  if (!wanted.config.generateCache) return;
  try {
    await using lock = await lockSystem(host, wanted.folder, tar.name, "try");
    if (lock !== undefined) await rememberImage(wanted, tar, variant, await file.stat({ bigint: true }));
  } catch (error) {
    if (host.signal.aborted) throw error;
    host.log.debug(`the check of an image cannot be remembered: ${messageOf(error)}`);
  }
}

// Whoever comes while another process makes the image unpacks the tar instead of waiting.
async function makeImage(
  host: Host,
  wanted: Wanted,
  tar: CheckedTar,
  geometry: ImageGeometry,
  variant: string,
): Promise<(OpenImage & Owned) | undefined> {
  const { config, folder } = wanted;
  if (!config.generateCache) return undefined;
  await using lock = await lockSystem(host, folder, tar.name, "try");
  if (lock === undefined) return undefined;
  const made = await openTrusted(host, wanted, tar, variant);
  if (made !== undefined) return made;
  await buildFor(host, wanted, tar, geometry, variant);
  return await openTrusted(host, wanted, tar, variant);
}

async function buildFor(
  host: Host,
  wanted: Wanted,
  tar: CheckedTar,
  geometry: ImageGeometry,
  variant: string,
): Promise<void> {
  const path = wanted.folder.image(tar.name, variant);
  await host.log.phase(`make the ${geometry.type} image of the cache`, () =>
    buildImage(host, wanted, tar, geometry, path),
  );
  await rememberImage(wanted, tar, variant, await stat(path, { bigint: true }));
  await removeOutdated(wanted, tar.name);
}

// Images that an earlier version made: nobody asks for them any more.
async function removeOutdated({ folder }: Wanted, name: string): Promise<void> {
  for (const file of await folder.files()) {
    if (ownerOf(file) !== name || !file.endsWith(".img")) continue;
    const path = join(folder.directory, file);
    const image = await openIfThere(path);
    if (image === undefined) continue;
    const current = await isOfThisVersion(image).finally(() => image.close());
    if (!current) await rm(path, { force: true });
  }
}

async function rememberImage({ folder }: Wanted, tar: CheckedTar, variant: string, stats: BigIntStats): Promise<void> {
  const manifest = (await readManifest(folder.manifest(tar.name))) ?? tar.manifest;
  // A tar replaced meanwhile has its own manifest; the image of the old one is dropped by whoever replaced it.
  if (manifest.sha256 !== tar.manifest.sha256) return;
  const images = { ...manifest.images, [variant]: stampOf(stats) };
  await writeManifest(folder.manifest(tar.name), { ...manifest, images });
}

async function openIfThere(path: string): Promise<FileHandle | undefined> {
  try {
    return await open(path, "r");
  } catch (error) {
    if (hasCode(error, "ENOENT")) return undefined;
    throw error;
  }
}
