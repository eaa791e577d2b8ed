import { randomBytes, randomUUID } from "node:crypto";
import type { Disk } from "../../devices/disk.ts";
import type { Partition, PartitionTable } from "../../devices/partitions/table.ts";
import type { Extent } from "../../devices/blocks/extents.ts";
import { mebibytes } from "../../host/size.ts";
import { damaged } from "../format/stream-reader.ts";
import { ImportRefusal } from "./refusal.ts";
import { familyOf } from "../../filesystems/families.ts";
import type { DiskLayout, LayoutPartition, Manifest } from "../format/manifest.ts";

/** Where a tree goes on its new disk, in bytes. */
export interface RestorePlan {
  /** The table to be written in the end; undefined for a filesystem on the whole disk. */
  readonly table: PartitionTable | undefined;
  /** The partition with the filesystem. */
  readonly partition: Partition | undefined;
  readonly tree: Extent;
  /** Partitions that come as images, by number. */
  readonly images: ReadonlyMap<number, Extent>;
  /** Whether every identifier becomes another one (IMPORT_NEW_UUIDS). */
  readonly newIdentifiers: boolean;
  /** Identifiers of the table that changed. */
  readonly identifiers: readonly (readonly [before: string, after: string])[];
}

type TableLayout = DiskLayout & { readonly style: "msdos" | "gpt" };

const mebibyte = 1024 * 1024;
const msdosSectors = 2 ** 32 - 1;

/**
 * Lays the exported disk out on another one: the same partitions at the same places, but the last grows or shrinks with
 * the disk when it is the tree's. Throws KnownError, before anything is written, when that or the tree does not fit.
 */
export function planRestore(disk: Disk, manifest: Manifest, newIdentifiers: boolean): RestorePlan {
  const { layout, filesystem, used } = manifest;
  if (layout === undefined || filesystem === undefined || used === undefined)
    throw new Error("the manifest has no tree");
  const plan = layout.style === "none" ? wholeDisk(disk, newIdentifiers) : planTable(disk, layout, newIdentifiers);
  const available = plan.tree.end - plan.tree.start;
  // What held the tree before holds it again, however full it is.
  const needed =
    available >= exportedBytes(manifest)
      ? 0
      : familyOf(filesystem.type).neededBytes(filesystem, { ...used, deviceBytes: available });
  if (needed > available) throw tooSmall(disk, needed + disk.sizeBytes - available);
  return plan;
}

/** Bytes that the filesystem had to itself on the exported disk. */
export function exportedBytes({ layout, disk }: Manifest): number {
  if (layout === undefined || layout.style === "none") return disk.bytes;
  const tree = layout.partitions.find(({ content }) => content === "tree");
  return (tree?.sectors ?? 0) * layout.sectorSize;
}

function wholeDisk(disk: Disk, newIdentifiers: boolean): RestorePlan {
  return {
    table: undefined,
    partition: undefined,
    tree: { start: 0, end: disk.sizeBytes },
    images: new Map(),
    newIdentifiers,
    identifiers: [],
  };
}

function planTable(disk: Disk, layout: TableLayout, newIdentifiers: boolean): RestorePlan {
  if (layout.sectorSize !== disk.sectorSize) {
    throw new ImportRefusal(
      `disk ${disk.path} has sectors of ${String(disk.sectorSize)} bytes, the exported one had ${String(layout.sectorSize)}: its partition table would not fit`,
      { hint: "give the instance a disk with the same sector size" },
    );
  }
  const first = Math.min(...layout.partitions.map(({ start }) => start));
  if (first < (layout.style === "gpt" ? 2 + entrySectors(layout.sectorSize) : 1))
    throw damaged("its partitions overlap their table");
  const last = layout.partitions.reduce((a, b) => (b.start > a.start ? b : a));
  const end = usableEnd(disk, layout);
  const id = newIdentifiers ? newTableId(layout.style) : layout.id;
  const placed = layout.partitions.map((each) =>
    place(each, each === last ? end : undefined, layout, id, newIdentifiers),
  );
  for (const { startSector, sectors } of placed) {
    if (startSector + sectors > end || sectors <= 0)
      throw tooSmall(disk, (startSector + Math.max(sectors, 1)) * disk.sectorSize + 2 * mebibyte);
  }
  const table = { style: layout.style, id, sectorSize: layout.sectorSize, partitions: placed };
  const treeNumber = layout.partitions.find(({ content }) => content === "tree")?.number;
  const partition = placed.find(({ number }) => number === treeNumber);
  if (partition === undefined) throw new Error("the layout has no tree");
  return {
    table,
    partition,
    tree: extentOf(partition, layout.sectorSize),
    images: new Map(
      placed.filter((each) => each !== partition).map((each) => [each.number, extentOf(each, layout.sectorSize)]),
    ),
    newIdentifiers,
    identifiers: changedIdentifiers(layout, table),
  };
}

// gpt keeps its second table at the end: a header and 128 entries of 128 bytes.
function usableEnd(disk: Disk, { style, sectorSize }: TableLayout): number {
  const sectors = Math.floor(disk.sizeBytes / sectorSize);
  return style === "gpt" ? sectors - 1 - entrySectors(sectorSize) : Math.min(sectors, msdosSectors);
}

function entrySectors(sectorSize: number): number {
  return Math.ceil((128 * 128) / sectorSize);
}

function place(
  { number, start, sectors, type, uuid, name, attributes, bootable, content }: LayoutPartition,
  end: number | undefined,
  { style }: TableLayout,
  id: string,
  newIdentifiers: boolean,
): Partition {
  const ownUuid = newIdentifiers ? randomUUID() : uuid;
  const newUuid = style === "msdos" ? msdosPartitionUuid(id, number) : ownUuid;
  return {
    number,
    startSector: start,
    sectors: end === undefined || content !== "tree" ? sectors : end - start,
    type,
    ...(newUuid === undefined ? {} : { uuid: newUuid }),
    ...(name === undefined ? {} : { name }),
    ...(attributes === undefined ? {} : { attributes }),
    bootable,
  };
}

function newTableId(style: "msdos" | "gpt"): string {
  return style === "gpt" ? randomUUID().toUpperCase() : `0x${randomBytes(4).toString("hex")}`;
}

function msdosPartitionUuid(id: string, number: number): string {
  return `${bareId(id)}-${number.toString(16).padStart(2, "0")}`;
}

/** The id of a partition table as blkid and udev write it (ID_PART_TABLE_UUID). */
export function bareId(id: string): string {
  return id.replace(/^0x/i, "").toLowerCase().padStart(8, "0");
}

function extentOf({ startSector, sectors }: Partition, sectorSize: number): Extent {
  return { start: startSector * sectorSize, end: (startSector + sectors) * sectorSize };
}

function changedIdentifiers(layout: TableLayout, table: PartitionTable): RestorePlan["identifiers"] {
  const pairs = layout.partitions.map(({ number, uuid }) => {
    return [uuid, table.partitions.find((each) => each.number === number)?.uuid] as const;
  });
  const whole = layout.style === "msdos" ? [[layout.id, table.id] as const] : [];
  const ids = [[bareId(layout.id), bareId(table.id)] as const, ...whole];
  return [...ids, ...pairs].flatMap(([before, after]) =>
    before === undefined || after === undefined || before.toLowerCase() === after.toLowerCase()
      ? []
      : [[before, after] as const],
  );
}

/** The error for a disk that cannot hold the backup. */
export function tooSmall(disk: Disk, needed: number): ImportRefusal {
  return new ImportRefusal(
    `disk ${disk.path} is too small for this backup: it has ${mebibytes(disk.sizeBytes, Math.floor)}, and about ${mebibytes(needed, Math.ceil)} are needed`,
    { hint: "import onto a larger disk (gnt-backup import --disk N:size=...)" },
  );
}
