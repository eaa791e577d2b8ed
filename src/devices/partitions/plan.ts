import { KnownError } from "../../host/errors.ts";
import { mebibytes } from "../../host/size.ts";

export type PartitionStyle = "msdos" | "gpt";

/** A size in bytes, and the logical sectors in which tables count. */
export interface Geometry {
  readonly sizeBytes: number;
  readonly sectorSize: number;
}

export interface PlanOptions {
  readonly style: PartitionStyle;
  /** Partitions start at multiples of this number of sectors of the disk. */
  readonly alignment: number;
  /** A boot loader that will be written to the disk. */
  readonly bootLoader?: "none" | "grub" | "extlinux" | undefined;
}

/** A partition to be made; numbers in sectors of the disk. */
export interface PlannedPartition {
  readonly number: number;
  readonly startSector: number;
  readonly sectors: number;
  /** As sfdisk writes it: two hexadecimal digits, or a GUID. */
  readonly type: string;
  readonly bootable: boolean;
  readonly name?: string;
}

export interface PartitionPlan {
  readonly partitions: readonly PlannedPartition[];
  /** The first sector a partition may use. */
  readonly firstUsable: number;
  /** The table cannot address the end of the disk. */
  readonly truncated: boolean;
}

/**
 * Partition types: msdos (`83` Linux) and GPT (UEFI specification 5.3.3; GRUB manual, BIOS installation; discoverable
 * partitions).
 */
export const partitionTypes = {
  linux: "83",
  biosBoot: "21686148-6449-6E6F-744E-656564454649",
  esp: "C12A7328-F81F-11D2-BA4B-00A0C93EC93B",
  linuxData: "0FC63DAF-8483-4772-8E79-3D69D8477DE4",
} as const;

const mebibyte = 1024 * 1024;
const biosBootBytes = mebibyte;
const espBytes = 64 * mebibyte;
const smallestRootBytes = 16 * mebibyte;
/** GRUB's core image with the modules for any of our filesystems, behind the boot sector. */
const grubGapBytes = 144 * 1024 + 512;
/** A msdos table counts sectors in 32 bits. */
const msdosSectors = 2 ** 32 - 1;

/**
 * Where the partitions go: msdos has one bootable Linux partition that fills the disk; gpt a BIOS boot partition, an
 * EFI system partition, and the root as number 3 and last, so that it can grow with the disk. Throws KnownError for a
 * disk too small or an alignment that leaves no room for the table or the boot loader.
 */
export function planPartitions(geometry: Geometry, options: PlanOptions): PartitionPlan {
  if (!Number.isInteger(options.alignment) || options.alignment < 1) {
    throw new KnownError(`partition alignment ${String(options.alignment)} is not a number of sectors`, {
      hint: "set PARTITION_ALIGNMENT=2048, the usual value",
    });
  }
  const plan = options.style === "msdos" ? planMsdos(geometry, options) : planGpt(geometry, options);
  const root = plan.partitions.at(-1);
  if (root === undefined || root.sectors * geometry.sectorSize < smallestRootBytes) {
    throw new KnownError(
      `the disk of ${mebibytes(geometry.sizeBytes, Math.floor)} is too small for a ${options.style} table with partitions aligned to ${String(options.alignment)} sectors`,
      { hint: "make the disk larger, or choose PARTITION_STYLE=none" },
    );
  }
  return plan;
}

function planMsdos({ sizeBytes, sectorSize }: Geometry, { alignment, bootLoader }: PlanOptions): PartitionPlan {
  const gap = alignment * sectorSize;
  if (bootLoader === "grub" && gap < grubGapBytes) {
    throw new KnownError(
      `a partition alignment of ${String(alignment)} sectors leaves ${String(gap)} bytes before the partition, which is too little for grub`,
      {
        hint: "PARTITION_ALIGNMENT=2048 leaves 1 MiB",
      },
    );
  }
  const end = Math.floor(sizeBytes / sectorSize);
  const usableEnd = Math.min(end, msdosSectors);
  const root = {
    number: 1,
    startSector: alignment,
    sectors: usableEnd - alignment,
    type: partitionTypes.linux,
    bootable: true,
  };
  return { partitions: [root], firstUsable: 1, truncated: usableEnd < end };
}

function planGpt({ sizeBytes, sectorSize }: Geometry, { alignment }: PlanOptions): PartitionPlan {
  // 128 entries of 128 bytes; behind the protective MBR and the header, and mirrored at the end of the disk.
  const entrySectors = Math.ceil((128 * 128) / sectorSize);
  const firstUsable = 2 + entrySectors;
  const end = Math.floor(sizeBytes / sectorSize) - 1 - entrySectors;
  const biosBootStart = roundUp(firstUsable, alignment);
  const espStart = roundUp(biosBootStart + biosBootBytes / sectorSize, alignment);
  const espSectors = Math.ceil(espBytes / sectorSize);
  const rootStart = roundUp(espStart + espSectors, alignment);
  return {
    partitions: [
      {
        number: 1,
        startSector: biosBootStart,
        sectors: biosBootBytes / sectorSize,
        type: partitionTypes.biosBoot,
        bootable: false,
        name: "bios-boot",
      },
      { number: 2, startSector: espStart, sectors: espSectors, type: partitionTypes.esp, bootable: false, name: "esp" },
      {
        number: 3,
        startSector: rootStart,
        sectors: end - rootStart,
        type: partitionTypes.linuxData,
        bootable: false,
        name: "root",
      },
    ],
    firstUsable,
    truncated: false,
  };
}

function roundUp(sector: number, alignment: number): number {
  return Math.ceil(sector / alignment) * alignment;
}
