import { editDisk } from "../../../devices/blocks/edit-disk.ts";
import { partitionTypes } from "../../../devices/partitions/plan.ts";
import type { PartitionTable } from "../../../devices/partitions/table.ts";
import { KnownError } from "../../../host/errors.ts";
import type { RootedFiles } from "../../../host/files/rooted-files.ts";
import { bootSector, embeddedCore, sectorSize } from "./boot-image.ts";

/** Consecutive sectors for grub's core image; numbers in sectors of 512 bytes. */
export interface EmbeddingArea {
  readonly start: number;
  readonly sectors: number;
}

/** Where the core image goes: the gap before the first partition (msdos), or the BIOS boot partition (gpt). */
export function embeddingArea(table: PartitionTable): EmbeddingArea {
  const scale = table.sectorSize / sectorSize;
  if (table.style === "msdos") {
    const first = Math.min(...table.partitions.map(({ startSector }) => startSector));
    return { start: 1, sectors: first * scale - 1 };
  }
  const partition = table.partitions.find(({ type }) => type === partitionTypes.biosBoot);
  if (partition === undefined) throw new KnownError("the disk has no BIOS boot partition, which grub needs on gpt");
  return { start: partition.startSector * scale, sectors: partition.sectors * scale };
}

/**
 * Writes grub's boot sector and the core image that `grub-mkimage` made in the guest to the disk, as grub-bios-setup
 * does, which needs partition devices that the node does not have. Throws KnownError when the image does not fit.
 */
export async function embedGrub(device: string, table: PartitionTable, files: RootedFiles): Promise<void> {
  const bootImage = await readImage(files, "/usr/lib/grub/i386-pc/boot.img");
  const coreImage = await readImage(files, "/boot/grub/i386-pc/core.img");
  const area = embeddingArea(table);
  const core = embeddedCore(coreImage, area.start);
  if (core.length > area.sectors * sectorSize) {
    throw new KnownError(
      `grub's core image of ${String(core.length)} bytes does not fit into the ${String(area.sectors * sectorSize)} bytes before the partition`,
      { hint: "PARTITION_ALIGNMENT=2048 leaves 1 MiB" },
    );
  }
  await editDisk(device, async (disk) => {
    const current = Buffer.alloc(sectorSize);
    await disk.read(current, 0, sectorSize, 0);
    // The image first: a boot sector without it would be worse than none.
    await disk.write(core, 0, core.length, area.start * sectorSize);
    await disk.write(bootSector(bootImage, current, area.start), 0, sectorSize, 0);
  });
}

async function readImage(files: RootedFiles, path: string): Promise<Buffer> {
  const image = await files.readBytes(path);
  if (image === undefined) throw new KnownError(`the guest has no ${path}`, { hint: "is grub-pc among its packages?" });
  return image;
}
