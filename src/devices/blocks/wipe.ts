import { type FileHandle, open } from "node:fs/promises";
import { CommandError, KnownError, messageOf } from "../../host/errors.ts";
import type { Host } from "../../host/host.ts";
import { run } from "../../host/process/run.ts";
import { readBlockDevice } from "../kernel/block-device.ts";
import { writeErrorHint } from "./sync.ts";

/**
 * Signatures live within this distance of either end: boot sector, partition table, LVM label and metadata (first MiB),
 * superblocks up to btrfs' at 64 KiB and ZFS's labels (512 KiB at each end); at the end the backup GPT, MD and DRBD.
 */
export const signatureBytes = 2 * 1024 * 1024;

/**
 * Overwrites both ends of a device with zeros, so that neither the kernel nor blkid finds a signature of a previous
 * user. wipefs would leave signatures that its version does not know. `head` in bytes.
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

/** A part of a device, in bytes. */
export type ByteRange = readonly [offset: number, bytes: number];

/** The parts of a device to change: `zeros` are filled with zeros, `discarded` are freed. */
export interface Emptying {
  readonly zeros: readonly ByteRange[];
  readonly discarded: readonly ByteRange[];
}

/**
 * Fills parts of a device with zeros, without sending them where it can make zeros itself, then discards others (TRIM,
 * or a hole in the file below a loop device). Throws KnownError when it cannot be written; a device that discards nothing is left as it is.
 */
export async function emptyRanges(host: Host, device: string, { zeros, discarded }: Emptying): Promise<void> {
  const canDiscard = readBlockDevice(device).discardMaxBytes > 0;
  const tasks = [
    ...zeros.map((range): Task => ["--zeroout", ...range]),
    ...(canDiscard ? discarded : []).map((range): Task => ["", ...range]),
  ];
  try {
    for (let done = 0; done < tasks.length; done += tasksAtOnce) {
      const words = tasks
        .slice(done, done + tasksAtOnce)
        .flat()
        .map(String);
      const { exitCode, said } = await run(host, ["sh", "-c", eachTask, "sh", device, ...words], {
        accept: [0, refused],
      });
      if (exitCode !== refused) continue;
      host.log.debug(`${device} cannot be discarded: ${said === "" ? "blkdiscard failed" : said}`);
      return;
    }
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    const reason = error.outcome.said === "" ? messageOf(error) : error.outcome.said;
    throw new KnownError(`cannot write zeros to ${device}: ${reason}`, { hint: writeErrorHint, cause: error });
  }
}

type Task = readonly [option: "" | "--zeroout", ...ByteRange];

// The shell's status for a discard that the device refuses; for zeros that cannot be written it is 1.
const refused = 3;

// A process of ours for each would cost more than the work. The one that is under way when we are killed outlasts us in
// any case; the shell, which would begin the next, does not. No --force: it would
// give up O_EXCL, by which another run knows that the disk is still being discarded when this one was killed.
const eachTask = `device=$1; shift
while [ $# != 0 ]; do
  blkdiscard $1 --offset "$2" --length "$3" "$device" || { [ -n "$1" ] && exit 1; exit ${String(refused)}; }
  shift 3
done`;

// Far below the kernel's limit for arguments.
const tasksAtOnce = 1000;
