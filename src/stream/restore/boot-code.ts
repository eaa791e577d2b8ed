import { openDiskWriter } from "../../devices/blocks/disk-writer.ts";
import type { Extent } from "../../devices/blocks/extents.ts";
import { readPieces } from "../../devices/blocks/raw-blocks.ts";
import type { Disk } from "../../devices/disk.ts";
import { replaceIdentifiers } from "../../guest/storage/references.ts";
import type { Host } from "../../host/host.ts";
import { familyOf, type FilesystemFacts } from "../../filesystems/families.ts";
import { bootAreaName, bootBlockName } from "../format/member-names.ts";
import { damaged } from "../format/stream-reader.ts";
import type { RestorePlan } from "./restore-plan.ts";

/** Identifiers that changed. */
export type Identifiers = readonly (readonly [before: string, after: string])[];

/** Writes what stood before the filesystem's superblock. Throws KnownError for more than the filesystem leaves there. */
export async function writeBootBlock(host: Host, device: string, facts: FilesystemFacts, block: Buffer): Promise<void> {
  if (block.length > familyOf(facts.type).bootBlockBytes) throw damaged(`its member ${bootBlockName} is too large`);
  await using writer = await openDiskWriter(host, device, { start: 0, end: block.length });
  await writer.write(0, block);
}

/**
 * Replaces identifiers in a partition that came as an image. The EFI system partition is the guest's and stays unopened.
 * But identifiers are text of one length, so that GRUB's configuration in it finds the root again after a change.
 */
export async function renameInImage(host: Host, disk: Disk, image: Extent, identifiers: Identifiers): Promise<void> {
  const sameLength = identifiers.filter(([before, after]) => before.length === after.length);
  if (sameLength.length === 0) return;
  await using writer = await openDiskWriter(host, disk.device, image);
  for await (const { offset, bytes } of readPieces(disk.device, image, [])) {
    const text = bytes.toString("latin1");
    const renamed = replaceIdentifiers(text, { identifiers: sameLength });
    if (renamed !== text) await writer.write(offset, Buffer.from(renamed, "latin1"));
  }
}

/**
 * Writes the boot code and the gap before the first partition. The boot code ends where the disk id and the table begin
 * (byte 440). On gpt the table goes on to the end of its entries, and the gap before the first partition begins behind
 * them. It holds nothing else than what was there. Throws KnownError for a boot area that reaches into a partition.
 */
export async function restoreBootArea(
  host: Host,
  disk: Disk,
  { table }: RestorePlan,
  bootArea: Buffer = Buffer.alloc(0),
): Promise<void> {
  if (table === undefined) return;
  const end = Math.min(...table.partitions.map(({ startSector }) => startSector)) * table.sectorSize;
  if (bootArea.length > end) throw damaged(`its member ${bootAreaName} reaches into a partition`);
  const gap = table.style === "gpt" ? 2 * table.sectorSize + 128 * 128 : table.sectorSize;
  await using writer = await openDiskWriter(host, disk.device, { start: 0, end });
  await writer.zero(gap, end - gap);
  const code = Buffer.alloc(440);
  bootArea.copy(code);
  await writer.write(0, code);
  if (bootArea.length > gap) await writer.write(gap, bootArea.subarray(gap));
}
