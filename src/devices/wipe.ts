import { type FileHandle, open } from "node:fs/promises";
import { CommandError, KnownError, messageOf } from "../host/errors.ts";
import type { Host } from "../host/host.ts";
import { run } from "../host/run.ts";
import { readBlockDevice } from "./block-device.ts";
import { writeErrorHint } from "./sync.ts";

/**
 * Signatures live within this distance of either end: boot sector, partition table, LVM label and metadata (first MiB),
 * superblocks up to btrfs' at 64 KiB and ZFS's labels (512 KiB at each end); at the end the backup GPT, MD and DRBD.
 */
export const signatureBytes = 2 * 1024 * 1024;

/**
 * Overwrites both ends of a device with zeros, so that neither the kernel nor blkid finds there what a previous tenant
 * left: wipefs would leave what only its version does not know. `head` in bytes.
 */
export async function wipeSignatures(device: string, sizeBytes: number, head = signatureBytes): Promise<void> {
  const file = await open(device, "r+");
  try {
    const headEnd = Math.min(head, sizeBytes);
    await writeZeros(file, 0, headEnd);
    await writeZeros(file, Math.max(headEnd, sizeBytes - signatureBytes), sizeBytes);
  } catch (error) {
    throw new KnownError(`cannot write to ${device}: ${messageOf(error)}`, { cause: error });
  } finally {
    await file.close();
  }
}

async function writeZeros(file: FileHandle, start: number, end: number): Promise<void> {
  const zeros = Buffer.alloc(Math.min(signatureBytes, end - start));
  for (let position = start; position < end;) {
    const { bytesWritten } = await file.write(zeros, 0, Math.min(zeros.length, end - position), position);
    position += bytesWritten;
  }
}

/**
 * Discards all content of a device (TRIM, or a hole in the file below a loop device). Returns false where the device
 * cannot: the old content is still there then.
 */
export async function discardDevice(host: Host, device: string): Promise<boolean> {
  return await discard(host, device, ["blkdiscard", device]);
}

/** A part of a device, in bytes. */
export type ByteRange = readonly [offset: number, bytes: number];

/**
 * Fills parts of the device with zeros, without sending them where it can make zeros itself. Throws KnownError when it
 * cannot be written.
 */
export async function clearRanges(host: Host, device: string, ranges: readonly ByteRange[]): Promise<void> {
  try {
    for (const argv of forEachRange(device, "--zeroout", ranges)) await run(host, argv);
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    const reason = error.outcome.said === "" ? messageOf(error) : error.outcome.said;
    throw new KnownError(`cannot write zeros to ${device}: ${reason}`, { hint: writeErrorHint, cause: error });
  }
}

/** As {@link discardDevice}, for parts of the device. */
export async function discardRanges(host: Host, device: string, ranges: readonly ByteRange[]): Promise<boolean> {
  for (const argv of forEachRange(device, "", ranges)) if (!(await discard(host, device, argv))) return false;
  return true;
}

// A process of ours for each would cost more than the work. The one that is under way when we are killed outlasts us in
// any case; the shell, which would begin the next, does not.
const eachRange = `device=$1 option=$2; shift 2
while [ $# != 0 ]; do blkdiscard $option --offset "$1" --length "$2" "$device" || exit; shift 2; done`;

// Far below what the kernel takes as arguments.
const rangesAtOnce = 1000;

function* forEachRange(
  device: string,
  option: "" | "--zeroout",
  ranges: readonly ByteRange[],
): Generator<[string, ...string[]]> {
  for (let done = 0; done < ranges.length; done += rangesAtOnce) {
    const words = ranges
      .slice(done, done + rangesAtOnce)
      .flat()
      .map(String);
    yield ["sh", "-c", eachRange, "sh", device, option, ...words];
  }
}

async function discard(host: Host, device: string, argv: readonly [string, ...string[]]): Promise<boolean> {
  if (readBlockDevice(device).discardMaxBytes === 0) return false;
  try {
    // Not --force: it would give up O_EXCL, by which another run knows that the disk is still being discarded when this
    // one was killed (the ioctl outlasts us). Without a terminal it asks no question about signatures.
    await run(host, argv);
    return true;
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    // What a device announces it may still refuse; mkfs goes on as well.
    host.log.debug(`${device} cannot be discarded: ${error.message}`);
    return false;
  }
}
