import { open } from "node:fs/promises";
import type { Host } from "../../host/host.ts";
import { wipeSignatures } from "../../devices/blocks/wipe.ts";
import type { Extent } from "../../devices/blocks/extents.ts";

const magic = "ganeti-instance-debootstrap: this disk holds no guest, because its import failed.\n";
const markBytes = 512;
const headBytes = 2 * 1024 * 1024;
// btrfs' copies of its superblock.
const mirrors = [64 * 1024 ** 2, 256 * 1024 ** 3];

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
    await file.write(markOf(reason), 0, markBytes, 0);
    await file.sync();
  } finally {
    await file.close();
  }
}

/** Why the last import onto this block device failed; undefined when none did, or something else was written since. */
export async function readFailedImportMark(_host: Host, device: string): Promise<string | undefined> {
  const file = await open(device, "r");
  try {
    const bytes = Buffer.alloc(markBytes);
    await file.read(bytes, 0, markBytes, 0);
    const text = bytes.toString("utf8", 0, bytes.includes(0) ? bytes.indexOf(0) : markBytes);
    return text.startsWith(magic) ? text.slice(magic.length).trim() : undefined;
  } finally {
    await file.close();
  }
}

// The last two bytes of the sector stay 0: no boot signature.
function markOf(reason: string): Buffer {
  const mark = Buffer.alloc(markBytes);
  const room = markBytes - Buffer.byteLength(magic) - 16;
  const firstLine = reason.split("\n")[0] ?? "";
  mark.write(
    `${magic}${Buffer.from(firstLine)
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
