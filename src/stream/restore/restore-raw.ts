import type { Disk } from "../../devices/disk.ts";
import { syncFile } from "../../devices/blocks/sync.ts";
import { makeSwap } from "../../filesystems/swap.ts";
import type { Host } from "../../host/host.ts";
import { openDiskWriter } from "../../devices/blocks/disk-writer.ts";
import { pieceLimit } from "../../devices/blocks/raw-blocks.ts";
import { beginImport, headBytes } from "../format/import-mark.ts";
import { tooSmall } from "./restore-plan.ts";
import { damaged, printable, type StreamReader } from "../format/stream-reader.ts";

/** Throws KnownError when a raw backup does not fit: it cannot shrink. */
export function requireRawFits(host: Host, disk: Disk, bytes: number): void {
  if (bytes > disk.sizeBytes) throw tooSmall(disk, bytes);
  if (bytes < disk.sizeBytes) host.log.info("the disk is larger than the exported one: what is behind stays unused");
}

/**
 * Restores a disk that was taken raw: its pieces, and zeros wherever none came. What stands at its start, and makes it a
 * filesystem or a table, is held back until the checksum was compared and all else is written.
 */
export async function restoreRaw(host: Host, disk: Disk, reader: StreamReader): Promise<void> {
  await beginImport(disk);
  const head = Buffer.alloc(Math.min(headBytes, disk.sizeBytes));
  await using writer = await openDiskWriter(host, disk.device, { start: 0, end: disk.sizeBytes });
  let written = head.length;
  let taken = 0;
  for (let received = await reader.nextMember(); received !== undefined; received = await reader.nextMember()) {
    const { name, type } = received.member;
    const offset = Number(/^raw\/(\d{16})$/.exec(name)?.[1] ?? NaN);
    if (type !== "0" || !(offset >= taken)) throw damaged(`its member ${printable(name)} has no place in it`);
    const bytes = await reader.content(pieceLimit);
    taken = offset + bytes.length;
    if (taken > reader.manifest.disk.bytes) throw damaged("it has a piece beyond the end of its disk");
    if (offset < head.length) bytes.copy(head, offset);
    if (taken <= head.length) continue;
    const begin = Math.max(offset, head.length);
    await writer.zero(written, begin - written);
    await writer.write(begin, bytes.subarray(begin - offset));
    written = taken;
  }
  await writer.zero(written, disk.sizeBytes - written);
  await reader.finish();
  await syncFile(disk.device);
  await writer.write(firstSector, head.subarray(firstSector));
  await syncFile(disk.device);
  await writer.write(0, head.subarray(0, firstSector));
}

const firstSector = 512;

/** Makes a swap disk anew with the UUID and label it had, so that the guest's fstab and resume still fit. */
export async function restoreSwap(host: Host, disk: Disk, reader: StreamReader): Promise<void> {
  if ((await reader.nextMember()) !== undefined) throw damaged("a swap disk has nothing but a manifest");
  await reader.finish();
  await beginImport(disk);
  const { uuid, label } = reader.manifest.swap ?? {};
  await makeSwap(host, disk.device, { uuid, label });
}
