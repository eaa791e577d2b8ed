import type { Disk } from "../../devices/disk.ts";
import type { Partition, PartitionTable } from "../../devices/partitions/table.ts";
import type { Host } from "../../host/host.ts";
import type { TreeContent } from "./disk-content.ts";
import { encodeInodeFlags, listInodeFlags } from "../tree/inode-flags.ts";
import { familyOf, type FilesystemFacts } from "../../filesystems/families.ts";
import type { DiskLayout, LayoutPartition, Manifest } from "../format/manifest.ts";
import { bootAreaName, bootBlockName, inodeFlagsName, partitionPieceName } from "../format/member-names.ts";
import { readBlocks, readPieces } from "../../devices/blocks/raw-blocks.ts";
import type { StreamWriter } from "../format/stream-writer.ts";
import { packTree } from "../tree/pack-tree.ts";
import { countSockets, measureTree } from "../tree/survey.ts";

/** A tree made ready to be written: what its manifest says, the estimated size, and how. */
export interface PreparedContent {
  readonly version: 1;
  readonly manifest: Partial<Manifest> & Pick<Manifest, "notes">;
  readonly role: Manifest["disk"]["role"];
  readonly estimatedBytes: number;
  write(writer: StreamWriter): Promise<void>;
}

/** Surveys a tree and what boots it. */
export async function prepareTree(
  host: Host,
  disk: Disk,
  content: TreeContent,
  role: "root" | "data",
): Promise<PreparedContent> {
  const target = { path: content.path, readOnly: true };
  const surveys = [measureTree(host, target), listInodeFlags(host, target), countSockets(host, target)] as const;
  await Promise.allSettled(surveys); // none may still use the tree when another failed
  const [used, flags, sockets] = await Promise.all(surveys);
  const bootArea = await readBootArea(disk, content.table);
  const bootBlock = await readBootBlock(content.device, content.facts);
  const images = imagePartitions(content);
  const encodedFlags = encodeInodeFlags(flags);
  return {
    version: 1,
    role,
    manifest: {
      layout: describeLayout(content),
      filesystem: content.facts,
      used,
      ...(bootArea === undefined ? {} : { bootArea: bootArea.length }),
      ...(bootBlock === undefined ? {} : { bootBlock: bootBlock.length }),
      ...(flags.length === 0 ? {} : { inodeFlags: encodedFlags.length }),
      notes:
        sockets === 0 ? [] : [`${String(sockets)} sockets are left out: the programs that own them make them anew`],
    },
    // A header, and for most files a second one with the exact time.
    estimatedBytes: used.bytes + used.inodes * 1536,
    async write(writer) {
      if (bootArea !== undefined) await writer.member(bootAreaName, bootArea);
      if (bootBlock !== undefined) await writer.member(bootBlockName, bootBlock);
      for (const partition of images) await writeImage(disk, content.table, partition, writer);
      if (flags.length > 0) await writer.member(inodeFlagsName, encodedFlags);
      await packTree(host, target, writer);
    },
  };
}

/** What is around a filesystem. */
export type Surroundings = Pick<TreeContent, "table" | "partition">;

/** The layout of a disk for its manifest. */
export function describeLayout({ table, partition }: Surroundings): DiskLayout {
  if (table === undefined) return { style: "none" };
  return {
    style: table.style,
    sectorSize: table.sectorSize,
    id: table.id,
    partitions: table.partitions.map((each) => describePartition(each, each === partition)),
  };
}

function describePartition(partition: Partition, isTree: boolean): LayoutPartition {
  const { number, startSector, sectors, type, uuid, name, attributes, bootable } = partition;
  return {
    number,
    start: startSector,
    sectors,
    type,
    ...(uuid === undefined ? {} : { uuid }),
    ...(name === undefined ? {} : { name }),
    ...(attributes === undefined ? {} : { attributes }),
    bootable,
    content: isTree ? "tree" : "image",
  };
}

/** The partitions besides the filesystem's. */
export function imagePartitions({ table, partition }: Surroundings): readonly Partition[] {
  return table?.partitions.filter((each) => each !== partition) ?? [];
}

/** Writes a partition that serves a boot loader, as pieces. */
export async function writeImage(
  disk: Disk,
  table: PartitionTable | undefined,
  partition: Partition,
  writer: Pick<StreamWriter, "member">,
): Promise<void> {
  const start = partition.startSector * (table?.sectorSize ?? disk.sectorSize);
  const end = start + partition.sectors * (table?.sectorSize ?? disk.sectorSize);
  for await (const { offset, bytes } of readPieces(disk.device, { start, end }, [])) {
    await writer.member(partitionPieceName(partition.number, offset), bytes);
  }
}

/**
 * The boot code and what lies between the table and the first partition (GRUB's core image): kept from byte 0, so that
 * offsets in it are those of the disk. Zeros at its end are left out.
 */
export async function readBootArea(disk: Disk, table: PartitionTable | undefined): Promise<Buffer | undefined> {
  if (table === undefined) return undefined;
  const first = Math.min(...table.partitions.map(({ startSector }) => startSector));
  return withoutZerosBehind(await readBlocks(disk.device, 0, first * table.sectorSize));
}

async function readBootBlock(device: string, { type }: FilesystemFacts): Promise<Buffer | undefined> {
  return withoutZerosBehind(await readBlocks(device, 0, familyOf(type).bootBlockBytes));
}

function withoutZerosBehind(bytes: Buffer): Buffer | undefined {
  let end = bytes.length;
  while (end > 0 && bytes[end - 1] === 0) end -= 1;
  return end === 0 ? undefined : bytes.subarray(0, end);
}
