import { randomUUID } from "node:crypto";
import { type FileHandle, open } from "node:fs/promises";
import { readBlockDevice } from "../devices/block-device.ts";
import { openDirect, pageAligned } from "../devices/direct-io.ts";
import { writeErrorHint } from "../devices/sync.ts";
import { discardRange, signatureBytes } from "../devices/wipe.ts";
import { KnownError, messageOf } from "../host/errors.ts";
import type { Host } from "../host/host.ts";
import { run } from "../host/run.ts";
import { chunkBytes, dataBytes, freeRanges, type OpenImage, unpackImage } from "./image-file.ts";

const flushBytes = 64 * 1024 * 1024;

/**
 * Puts an image on `device`: its blocks copied and the old content of all others discarded as mkfs does, a UUID of its
 * own, the size of the device, and last what depends on that size. Returns the UUID.
 */
export async function writeImage(host: Host, image: OpenImage, device: string): Promise<string> {
  const discarding = discardOthers(host, image, device);
  // Awaited in any case; until then a failure is not unhandled.
  discarding.catch(() => undefined);
  try {
    await copyBlocks(host, image, device);
  } finally {
    await discarding;
  }
  const uuid = randomUUID();
  // Before the size: with metadata checksums every inode table is written anew.
  await run(host, ["tune2fs", "-U", uuid, device]);
  await run(host, ["resize2fs", device]);
  const { lateFeatures, reservedPercent } = image.header;
  const features = lateFeatures.length === 0 ? [] : ["-O", lateFeatures.join(",")];
  await run(host, ["tune2fs", ...features, "-m", String(reservedPercent), device]);
  return uuid;
}

async function copyBlocks(host: Host, image: OpenImage, device: string): Promise<void> {
  const memory = pageAligned(2 * chunkBytes);
  const target = await (memory === undefined ? open(device, "r+") : openDirect(device));
  try {
    const all = dataBytes(image.header);
    const flush = flushing(target);
    const progress = (bytes: number): void => {
      flush(bytes);
      host.log.progress(`writing the system: ${String(Math.floor((100 * bytes) / all))} %`);
    };
    await unpackImage(image, target, { memory, progress });
  } catch (error) {
    if (!isWriteError(error)) throw error;
    throw new KnownError(`cannot write to ${device}: ${messageOf(error)}`, { hint: writeErrorHint, cause: error });
  } finally {
    host.log.progress(undefined);
    await target.close();
  }
}

function isWriteError(error: unknown): boolean {
  return error instanceof Error && "syscall" in error && error.syscall === "write";
}

// What the device took may still lie in a cache of its own, or of the filesystem below a loop device: written out while
// more is coming. What goes wrong with it, the sync at the end of the run reports as well.
function flushing(target: FileHandle): (bytes: number) => void {
  let flushed = 0;
  let underWay = false;
  return (bytes) => {
    if (underWay || bytes - flushed < flushBytes) return;
    flushed = bytes;
    underWay = true;
    const ended = (): void => {
      underWay = false;
    };
    target.datasync().then(ended, ended);
  };
}

// Not the blocks that are written anyway: to free them first and then find room for them again takes longer than the
// writing. Nor the end, which was wiped: what a device gives back after a discard need not be zeros.
async function discardOthers(host: Host, image: OpenImage, device: string): Promise<void> {
  const { sizeBytes } = readBlockDevice(device);
  for (const [offset, bytes] of freeRanges(image.header, sizeBytes - signatureBytes)) {
    if (!(await discardRange(host, device, { offset, bytes }))) return;
  }
}
