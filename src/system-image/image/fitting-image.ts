import { readBlockDevice } from "../../devices/kernel/block-device.ts";
import type { Owned } from "../../host/disposal.ts";
import { messageOf } from "../../host/errors.ts";
import type { Host } from "../../host/host.ts";
import type { CheckedTar } from "../cache/checked-tar.ts";
import { imageBlockSize, imageVariant, largestDevice, planFilesystem } from "./geometry.ts";
import type { OpenImage } from "./image-file.ts";
import { type ImageSite, makeImage } from "./image-maker.ts";
import { openTrusted } from "./trusted-image.ts";

/** An image for a certain device. */
export interface FittingImage extends OpenImage {
  readonly path: string;
  /** Arguments of tune2fs for what this device asks for. */
  readonly tuning: readonly string[];
}

/**
 * The image of `tar` for a filesystem on `device`, made when there is none yet and nobody else is making it; undefined
 * when the tar must be unpacked instead. Nothing that goes wrong with an image stops a create.
 */
export async function imageOf(
  host: Host,
  tar: CheckedTar,
  site: ImageSite,
  device: string,
): Promise<(FittingImage & Owned) | undefined> {
  const block = readBlockDevice(device);
  if (!site.cache.images || block.sizeBytes > largestDevice || block.physicalSectorSize > imageBlockSize)
    return undefined;
  try {
    const plan = await planFilesystem(host, site.filesystem, { device, ...block });
    if (plan === undefined) return undefined;
    const { geometry, tuning } = plan;
    const variant = imageVariant(tar.manifest.sha256, geometry);
    const image =
      (await openTrusted(host, tar, variant, { remember: site.cache.writable })) ??
      (await makeImage(host, tar, geometry, site));
    if (image !== undefined && image.header.bytes <= block.sizeBytes)
      return { ...image, path: tar.entry.imagePath(variant), tuning };
    await image?.[Symbol.asyncDispose]();
  } catch (error) {
    if (host.signal.aborted) throw error;
    host.log.warn(`no image of ${tar.entry.tarPath} can be used: ${messageOf(error)}`);
  }
  return undefined;
}
