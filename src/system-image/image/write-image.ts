import { randomUUID } from "node:crypto";
import { type FileHandle, open } from "node:fs/promises";
import { readBlockDevice } from "../../devices/kernel/block-device.ts";
import { openDirect, pageAligned } from "../../devices/blocks/direct-io.ts";
import { openBelowLoop } from "../../devices/attach/loop.ts";
import { writeErrorHint } from "../../devices/blocks/sync.ts";
import { emptyRanges, signatureBytes } from "../../devices/blocks/wipe.ts";
import { allAcquired, type Owned, ReleaseStack } from "../../host/disposal.ts";
import { KnownError, messageOf } from "../../host/errors.ts";
import type { Host } from "../../host/host.ts";
import { run } from "../../host/process/run.ts";
import type { FittingImage } from "./fitting-image.ts";
import { chunkBytes, dataBytes, freeRanges, type OpenImage, unpackImage, zeroRanges } from "./image-file.ts";

const flushBytes = 32 * 1024 * 1024;

/** A filesystem that can be used, though the device may still be writing it out. */
export interface WrittenImage {
  readonly uuid: string;
}

/**
 * Puts an image on `device`: its blocks copied and the old content of all others discarded as mkfs does, a UUID of its
 * own, the size of the device, and last what depends on that size. The release waits until the device has written out
 * what was copied, and throws KnownError when it could not.
 */
export async function writeImage(host: Host, image: FittingImage, device: string): Promise<WrittenImage & Owned> {
  const uuid = randomUUID();
  await using stack = new ReleaseStack();
  const copy = stack.use(await beginCopy(host, image, device));
  await allAcquired([copy.write(), clearOthers(host, image, device)]);
  try {
    await adapt(host, image, device, uuid);
  } catch (error) {
    // First: a disk that takes no more fails the tools, too, and what they advise (e2fsck) does not help it.
    await copy.flushed();
    throw error;
  }
  await copy.end();
  const held = stack.move();
  held.defer(() => copy.flushed());
  return { uuid, [Symbol.asyncDispose]: () => held[Symbol.asyncDispose]() };
}

async function adapt(host: Host, { header, tuning }: FittingImage, device: string, uuid: string): Promise<void> {
  // Before the size: with metadata checksums every inode table is written anew. Before an orphan file is made: its
  // checksums are not.
  await run(host, ["tune2fs", "-U", uuid, device]);
  await run(host, ["resize2fs", device]);
  const features = header.lateFeatures.length === 0 ? [] : ["-O", header.lateFeatures.join(",")];
  await run(host, ["tune2fs", ...features, ...tuning, "-m", String(header.reservedPercent), device]);
}

interface Copy extends Owned {
  /** Writes the image's blocks to where they belong. Throws KnownError when the device fails. */
  write(): Promise<void>;
  /**
   * Has the device write out what was copied, without waiting for it, and writes no more. Throws as `write` when it is
   * known already that something was lost.
   */
  end(): Promise<void>;
  /** Waits until all flushes have ended. Throws as `write`. */
  flushed(): Promise<void>;
}

async function beginCopy(host: Host, image: OpenImage, device: string): Promise<Copy> {
  const memory = pageAligned(2 * chunkBytes);
  await using files = new ReleaseStack();
  // Flushes go through a descriptor of their own, opened before the first write so that it is told of every loss: the
  // one that may write is closed when the filesystem is mounted, which a kernel may refuse beside it
  // (bdev_allow_write_mounted).
  const flushed = files.use(await open(device, "r"));
  const below = await openBelowLoop(device);
  if (below !== undefined) files.use(below);
  const target = files.use(await (memory === undefined ? open(device, "r+") : openDirect(device)));
  const held = files.move();
  const all = dataBytes(image.header);
  const flush = flushing(flushed, below);
  let done = 0;
  const progress = (bytes: number): void => {
    host.signal.throwIfAborted();
    flush.after((done += bytes));
    host.log.progress(`writing the system: ${String(Math.floor((100 * done) / all))} %`);
  };
  return {
    async write() {
      await named(device, unpackImage(image, target, { memory, progress }));
      host.log.progress(undefined);
    },
    async end() {
      await target.close();
      flush.last();
      await named(device, flush.notFailed());
    },
    flushed: () => named(device, flush.ended()),
    async [Symbol.asyncDispose]() {
      host.log.progress(undefined);
      await held[Symbol.asyncDispose]();
    },
  };
}

async function named(device: string, writing: Promise<void>): Promise<void> {
  try {
    await writing;
  } catch (error) {
    if (!isWriteError(error)) throw error;
    throw new KnownError(`cannot write to ${device}: ${messageOf(error)}`, { hint: writeErrorHint, cause: error });
  }
}

function isWriteError(error: unknown): boolean {
  return error instanceof Error && "syscall" in error && ["write", "fdatasync"].includes(String(error.syscall));
}

interface Flushing {
  /** Is told how many bytes were handed over so far. */
  after(bytes: number): void;
  /** Begins the flush of all there is. */
  last(): void;
  /** Rejects when a flush that has ended failed. */
  notFailed(): Promise<void>;
  /** Rejects when any flush failed: the device tells nobody else of it. */
  ended(): Promise<void>;
}

// What the device took may still lie in a cache of its own, or of what is below a loop device: written out while more is
// coming, one flush at a time. The last one is the device's own in any case. Measured: 4 to 5 % of one create, a tenth of
// four at once (docs/benchmarks.md).
function flushing(device: FileHandle, below: FileHandle | undefined): Flushing {
  let flushed = 0;
  let underWay = 0;
  let all: Promise<void> = Promise.resolve();
  let failure: Promise<void> | undefined;
  const begin = (flushes: Promise<void>): void => {
    underWay++;
    const flush = flushes.finally(() => {
      underWay--;
    });
    all = Promise.all([all, flush]).then(() => undefined);
    // A failure is thrown when it is awaited; until then it must not count as unhandled.
    const failing = all;
    failing.catch(() => {
      failure = failing;
    });
  };
  return {
    after(bytes) {
      if (underWay > 0 || bytes - flushed < flushBytes) return;
      flushed = bytes;
      begin((below ?? device).datasync());
    },
    last() {
      begin(below === undefined ? device.datasync() : below.datasync().then(() => device.datasync()));
    },
    notFailed: () => failure ?? Promise.resolve(),
    ended: () => all,
  };
}

// Not the blocks that are written anyway: to free them first and then find room for them again takes longer than the
// writing. Nor the end, which was wiped: what a device gives back after a discard need not be zeros.
async function clearOthers(host: Host, { header }: OpenImage, device: string): Promise<void> {
  const { sizeBytes } = readBlockDevice(device);
  const discarded = freeRanges(header, sizeBytes - signatureBytes);
  await emptyRanges(host, device, { zeros: zeroRanges(header), discarded });
}
