import { open } from "node:fs/promises";
import { readBlocks } from "../../devices/blocks/raw-blocks.ts";
import type { Disk } from "../../devices/disk.ts";
import { KnownError, messageOf } from "../../host/errors.ts";
import type { Host } from "../../host/host.ts";
import { printable } from "../../host/printable.ts";
import { wipeSignatures } from "../../devices/blocks/wipe.ts";
import type { Extent } from "../../devices/blocks/extents.ts";

const magic = "ganeti-instance-debootstrap: this disk holds no guest, because its import failed.\n";
const others = {
  unfinished: "ganeti-instance-debootstrap: this disk holds no guest, because its import did not finish.\n",
  refused: "ganeti-instance-debootstrap: this disk holds no guest, because its import was refused.\n",
};
/** Why there is no guest on a disk of which a run was killed. */
export const unfinishedWords = "its import did not finish";

const markBytes = 512;
/** What may make a disk a filesystem's, a partition table's or bootable lies in this many bytes at its start. */
export const headBytes = 2 * 1024 * 1024;
// btrfs' copies of its superblock.
const mirrors = [64 * 1024 ** 2, 256 * 1024 ** 3];

/**
 * Begins an import: the first sector says that it did not finish, then what else there was at both ends is wiped. What
 * makes the disk a guest's is to be written last.
 */
export async function beginImport({ device, sizeBytes }: Pick<Disk, "device" | "sizeBytes">): Promise<void> {
  await markUnfinishedImport(device);
  const file = await open(device, "r+");
  try {
    await zero(file, markBytes, Math.min(headBytes, sizeBytes));
    await zero(file, Math.max(headBytes, sizeBytes - headBytes), sizeBytes);
  } catch (error) {
    throw new KnownError(`cannot write to ${device}: ${messageOf(error)}`, { cause: error });
  } finally {
    await file.close();
  }
}

/** Says in the first sector of a disk that its import did not finish: no partition table stands there while it says so. */
export async function markUnfinishedImport(device: string): Promise<void> {
  await writeMark(device, markOf(others.unfinished, ""));
}

/** Says on a blank disk why no import was begun; a disk that holds anything is left as it is. */
export async function markRefusedImport({ device, sizeBytes }: Disk, reason: string): Promise<void> {
  const ends = [
    await readBlocks(device, 0, Math.min(headBytes, sizeBytes)),
    await readBlocks(device, Math.max(0, sizeBytes - headBytes), Math.min(headBytes, sizeBytes)),
  ];
  if (ends.every((bytes) => bytes.every((byte) => byte === 0))) {
    await writeMark(device, markOf(others.refused, reason));
  }
}

async function writeMark(device: string, mark: Buffer): Promise<void> {
  const file = await open(device, "r+");
  try {
    await file.write(mark, 0, markBytes, 0);
    await file.sync();
  } catch (error) {
    throw new KnownError(`cannot write to ${device}: ${messageOf(error)}`, { cause: error });
  } finally {
    await file.close();
  }
}

/**
 * Makes a disk on which an import failed useless on purpose: no partition table, no boot signature, no filesystem that
 * mounts, at its start or at that of any of `partitions` (bytes of the disk). Ganeti takes a failed import for a warning
 * and may start the instance. A text in the first sector says why, for {@link readFailedImportMark}.
 */
export async function markFailedImport(
  device: string,
  sizeBytes: number,
  partitions: readonly Extent[],
  reason: string,
): Promise<void> {
  await wipeSignatures(device, sizeBytes, headBytes);
  const file = await open(device, "r+");
  try {
    for (const { start, end } of [{ start: 0, end: sizeBytes }, ...partitions]) {
      await zero(file, start, Math.min(start + headBytes, end, sizeBytes));
      for (const mirror of mirrors) await zero(file, start + mirror, Math.min(start + mirror + 4096, end, sizeBytes));
    }
    await file.write(markOf(magic, reason), 0, markBytes, 0);
    await file.sync();
  } finally {
    await file.close();
  }
}

/** Why the last import onto this block device failed; undefined when none did, or something else was written since. */
export async function readFailedImportMark(_host: Host, device: string): Promise<string | undefined> {
  const text = await readMark(device);
  return text.startsWith(magic) ? text.slice(magic.length).trim() : undefined;
}

/** What the first sector says of an import that left no guest, for example `its import failed: REASON`. */
export async function readImportMark(device: string): Promise<string | undefined> {
  const text = await readMark(device);
  const after = (mark: string): string | undefined =>
    text.startsWith(mark) ? printable(text.slice(mark.length).trim()) : undefined;
  const [failed, refused] = [after(magic), after(others.refused)];
  if (failed !== undefined) return `its import failed: ${failed}`;
  if (refused !== undefined) return `its import was refused: ${refused}`;
  return text.startsWith(others.unfinished) ? unfinishedWords : undefined;
}

async function readMark(device: string): Promise<string> {
  const file = await open(device, "r");
  try {
    const bytes = Buffer.alloc(markBytes);
    await file.read(bytes, 0, markBytes, 0);
    return bytes.toString("utf8", 0, bytes.includes(0) ? bytes.indexOf(0) : markBytes);
  } finally {
    await file.close();
  }
}

// The last two bytes of the sector stay 0: no boot signature.
function markOf(head: string, reason: string): Buffer {
  const mark = Buffer.alloc(markBytes);
  const room = markBytes - Buffer.byteLength(head) - 16;
  const firstLine = reason.split("\n")[0] ?? "";
  mark.write(
    `${head}${Buffer.from(firstLine)
      .subarray(0, room)
      .toString()
      .replace(/\ufffd+$/, "")}\n`,
  );
  return mark;
}

async function zero(file: Awaited<ReturnType<typeof open>>, start: number, end: number): Promise<void> {
  if (start >= end) return;
  await file.write(Buffer.alloc(end - start), 0, end - start, start);
}
