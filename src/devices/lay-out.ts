import { type Owned, ownedBy } from "../host/disposal.ts";
import { KnownError } from "../host/errors.ts";
import type { Host } from "../host/host.ts";
import type { Disk } from "./disk.ts";
import { chooseMapper, mapPartition, type PartitionMapper } from "./partitions/map.ts";
import { type Geometry, type PlanOptions, planPartitions } from "./partitions/plan.ts";
import {
  type Partition,
  type PartitionTable,
  readPartitionTable,
  rootPartition,
  type TableIdentifiers,
  writePartitionTable,
} from "./partitions/table.ts";
import { signatureBytes, wipeSignatures } from "./blocks/wipe.ts";

/** The settings that decide how a disk is partitioned. */
export interface Layout {
  readonly partitionStyle: "none" | "msdos" | "gpt";
  /** Sectors of the disk. */
  readonly partitionAlignment: number;
  readonly partitionMapper: PartitionMapper;
}

export interface LayoutOptions {
  /** A boot loader that will need room before the first partition. */
  readonly bootLoader?: PlanOptions["bootLoader"];
  readonly identifiers?: TableIdentifiers | undefined;
}

/** The block device for the guest's root filesystem. */
export interface RootDevice {
  readonly device: string;
  readonly disk: Disk;
  readonly sizeBytes: number;
  /** Both undefined for PARTITION_STYLE=none. */
  readonly table?: PartitionTable;
  readonly partition?: Partition;
}

/**
 * Wipes the disk, writes the partition table and maps the root partition, which the release unmaps. Throws KnownError
 * before the disk is touched when the layout cannot work on it.
 */
export async function layOutDisk(
  host: Host,
  disk: Disk,
  layout: Layout,
  options: LayoutOptions = {},
): Promise<RootDevice & Owned> {
  if (disk.readOnly) throw new KnownError(`disk ${disk.path} is attached read-only and cannot be laid out`);
  const planned = planOf(disk, layout, options);
  if (planned === undefined) return await layOutWhole(disk);
  const mapper = await chooseMapper(host, layout.partitionMapper);
  await wipeSignatures(disk.device, disk.sizeBytes, Math.min(2 * signatureBytes, planned.rootStart));
  const table = await writePartitionTable(host, disk, {
    ...planOptions(layout, options),
    identifiers: options.identifiers,
  });
  const partition = rootPartition(table);
  if (partition === undefined) throw new Error("the table just written has no root partition");
  const mapped = await mapPartition(host, disk, partition, table.sectorSize, mapper);
  const sizeBytes = partition.sectors * table.sectorSize;
  await disposeOnError(mapped, () => wipeSignatures(mapped.device, sizeBytes));
  return ownedBy({ device: mapped.device, disk, sizeBytes, table, partition }, mapped);
}

/** The size in bytes that the root would get, without touching anything. Throws as {@link layOutDisk}. */
export function rootBytes(
  disk: Geometry,
  layout: Pick<Layout, "partitionStyle" | "partitionAlignment">,
  options: LayoutOptions = {},
): number {
  return planOf(disk, layout, options)?.rootBytes ?? disk.sizeBytes;
}

/**
 * The root device of a disk that was laid out before: the whole disk, or its root partition, mapped. Undefined for a
 * partition table of the guest's own making.
 */
export async function openLayout(
  host: Host,
  disk: Disk,
  { partitionMapper }: Pick<Layout, "partitionMapper">,
): Promise<(RootDevice & Owned) | undefined> {
  const table = await readPartitionTable(host, disk.device);
  if (table === undefined) return wholeDisk(disk);
  const partition = rootPartition(table);
  if (partition === undefined) return undefined;
  const mapped = await mapPartition(host, disk, partition, table.sectorSize, partitionMapper);
  const sizeBytes = partition.sectors * table.sectorSize;
  return ownedBy({ device: mapped.device, disk, sizeBytes, table, partition }, mapped);
}

async function layOutWhole(disk: Disk): Promise<RootDevice & Owned> {
  await wipeSignatures(disk.device, disk.sizeBytes);
  return wholeDisk(disk);
}

function wholeDisk(disk: Disk): RootDevice & Owned {
  return { device: disk.device, disk, sizeBytes: disk.sizeBytes, [Symbol.asyncDispose]: () => Promise.resolve() };
}

interface PlannedRoot {
  readonly rootStart: number;
  readonly rootBytes: number;
}

/** Start and size of the root in bytes; undefined without partitions. */
function planOf(
  disk: Geometry,
  layout: Pick<Layout, "partitionStyle" | "partitionAlignment">,
  options: LayoutOptions,
): PlannedRoot | undefined {
  if (layout.partitionStyle === "none") return undefined;
  const root = planPartitions(disk, planOptions(layout, options)).partitions.at(-1);
  if (root === undefined) throw new Error("a plan without partitions");
  return { rootStart: root.startSector * disk.sectorSize, rootBytes: root.sectors * disk.sectorSize };
}

function planOptions(
  { partitionStyle, partitionAlignment }: Pick<Layout, "partitionStyle" | "partitionAlignment">,
  options: LayoutOptions,
): PlanOptions {
  const style = partitionStyle === "gpt" ? "gpt" : "msdos";
  return { style, alignment: partitionAlignment, bootLoader: options.bootLoader };
}

async function disposeOnError(owned: Owned, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    await using _ = owned;
    throw error;
  }
}
