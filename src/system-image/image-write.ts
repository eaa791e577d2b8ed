import { open } from "node:fs/promises";
import { randomUUID } from "node:crypto";
import { readBlockDevice } from "../devices/block-device.ts";
import type { Host } from "../host/host.ts";
import { run } from "../host/run.ts";
import { dataBytes, type OpenImage, unpackImage } from "./image-file.ts";

/**
 * Puts an image on `device`: the old content discarded as mkfs does, the used blocks copied, a UUID of its own, the
 * size of the device, and last what depends on that size.
 */
export async function writeImage(host: Host, image: OpenImage, device: string): Promise<void> {
  await discard(host, device);
  const target = await open(device, "r+");
  try {
    const all = dataBytes(image.header);
    await unpackImage(image, target, (bytes) => {
      host.log.progress(`writing the system: ${String(Math.floor((100 * bytes) / all))} %`);
    });
  } finally {
    host.log.progress(undefined);
    await target.close();
  }
  // Before the size: with metadata checksums every inode table is written anew.
  await run(host, ["tune2fs", "-U", randomUUID(), device]);
  await run(host, ["resize2fs", device]);
  const { lateFeatures, reservedPercent } = image.header;
  const features = lateFeatures.length === 0 ? [] : ["-O", lateFeatures.join(",")];
  await run(host, ["tune2fs", ...features, "-m", String(reservedPercent), device]);
}

async function discard(host: Host, device: string): Promise<void> {
  if (readBlockDevice(device).discardMaxBytes === 0) return;
  // What a device announces it may still refuse; mkfs goes on as well.
  await run(host, ["blkdiscard", device], { accept: [0, 1] });
}
