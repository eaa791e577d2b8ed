import { randomUUID } from "node:crypto";
import { type FileHandle, open } from "node:fs/promises";
import { readBlockDevice } from "../devices/block-device.ts";
import { openDirect, pageAligned } from "../devices/direct-io.ts";
import { writeErrorHint } from "../devices/sync.ts";
import { discardRanges, signatureBytes } from "../devices/wipe.ts";
import { allAcquired } from "../host/disposal.ts";
import { KnownError, messageOf } from "../host/errors.ts";
import type { Host } from "../host/host.ts";
import { run } from "../host/run.ts";
import type { FittingImage } from "./image.ts";
import { chunkBytes, dataBytes, freeRanges, type OpenImage, unpackImage } from "./image-file.ts";

const flushBytes = 64 * 1024 * 1024;

/**
 * Puts an image on `device`: its blocks copied and the old content of all others discarded as mkfs does, a UUID of its
 * own, the size of the device, and last what depends on that size. Returns the UUID.
 */
export async function writeImage(host: Host, image: FittingImage, device: string): Promise<string> {
  await allAcquired([copyBlocks(host, image, device), discardOthers(host, image, device)]);
  const uuid = randomUUID();
  // Before the size: with metadata checksums every inode table is written anew.
  await run(host, ["tune2fs", "-U", uuid, device]);
  await run(host, ["resize2fs", device]);
  const { lateFeatures, reservedPercent } = image.header;
  const features = lateFeatures.length === 0 ? [] : ["-O", lateFeatures.join(",")];
  await run(host, ["tune2fs", ...features, ...image.tuning, "-m", String(reservedPercent), device]);
  return uuid;
}

async function copyBlocks(host: Host, image: OpenImage, device: string): Promise<void> {
  const memory = pageAligned(2 * chunkBytes);
  const target = await (memory === undefined ? open(device, "r+") : openDirect(device));
  try {
    const all = dataBytes(image.header);
    const flush = flushing(target);
    const progress = (bytes: number): void => {
      host.signal.throwIfAborted();
      flush.after(bytes);
      host.log.progress(`writing the system: ${String(Math.floor((100 * bytes) / all))} %`);
    };
    await unpackImage(image, target, { memory, progress });
    await flush.ended();
  } catch (error) {
    if (!isWriteError(error)) throw error;
    throw new KnownError(`cannot write to ${device}: ${messageOf(error)}`, { hint: writeErrorHint, cause: error });
  } finally {
    host.log.progress(undefined);
    await target.close();
  }
}

function isWriteError(error: unknown): boolean {
  return error instanceof Error && "syscall" in error && ["write", "fdatasync"].includes(String(error.syscall));
}

interface Flushing {
  /** Is told how many bytes were handed over so far. */
  after(bytes: number): void;
  /** Rejects when any flush failed: the device tells nobody else of it. */
  ended(): Promise<void>;
}

// What the device took may still lie in a cache of its own, or of the filesystem below a loop device: written out while
// more is coming, one flush at a time.
function flushing(target: FileHandle): Flushing {
  let flushed = 0;
  let underWay = false;
  let all: Promise<void> = Promise.resolve();
  return {
    after(bytes) {
      if (underWay || bytes - flushed < flushBytes) return;
      flushed = bytes;
      underWay = true;
      const flush = target.datasync().finally(() => {
        underWay = false;
      });
      all = Promise.all([all, flush]).then(() => undefined);
      all.catch(() => undefined);
    },
    ended: () => all,
  };
}

// Not the blocks that are written anyway: to free them first and then find room for them again takes longer than the
// writing. Nor the end, which was wiped: what a device gives back after a discard need not be zeros.
async function discardOthers(host: Host, image: OpenImage, device: string): Promise<void> {
  const { sizeBytes } = readBlockDevice(device);
  await discardRanges(host, device, freeRanges(image.header, sizeBytes - signatureBytes));
}
