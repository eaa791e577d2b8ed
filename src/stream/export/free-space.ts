import type { Disk } from "../../devices/disk.ts";
import { probeFilesystem } from "../../filesystems/make.ts";
import { mapPartition } from "../../devices/partitions/map.ts";
import { type Partition, readPartitionTable } from "../../devices/partitions/table.ts";
import { CommandError } from "../../host/errors.ts";
import type { Host } from "../../host/host.ts";
import { capture } from "../../host/run.ts";
import { complement, type Extent, shifted } from "../../devices/blocks/extents.ts";
import { inspectFilesystem } from "../../filesystems/inspect.ts";
import { freeSpaceOfDirtyExt } from "../../filesystems/replayed-journal.ts";

/**
 * Where the filesystems on a disk say that they keep nothing, in bytes of the disk. A filesystem that is in doubt
 * (errors, a journal that cannot be replayed here, partitions that overlap) says nothing: then only what is zero can be
 * left out.
 */
export async function freeSpaceOf(host: Host, disk: Disk): Promise<readonly Extent[]> {
  const table = await readPartitionTable(host, disk.device);
  const whole = await probeFilesystem(host, disk.device);
  if (table === undefined || table.partitions.length === 0) {
    return whole === undefined ? [] : await trustedFreeSpace(host, disk.device, whole.type, disk.sizeBytes);
  }
  const partitions = table.partitions.filter(({ type }) => !extended.has(type));
  if (whole !== undefined || overlap(partitions)) return [];
  const free: Extent[] = [];
  for (const partition of partitions) free.push(...(await partitionFreeSpace(host, disk, partition, table.sectorSize)));
  return free;
}

// The partition types that contain the logical ones.
const extended: ReadonlySet<string> = new Set(["5", "f", "85"]);

function overlap(partitions: readonly Partition[]): boolean {
  const sorted = [...partitions].sort((a, b) => a.startSector - b.startSector);
  return sorted.some(
    ({ startSector, sectors }, index) => startSector + sectors > (sorted[index + 1]?.startSector ?? Infinity),
  );
}

async function partitionFreeSpace(
  host: Host,
  disk: Disk,
  partition: Partition,
  sectorSize: number,
): Promise<readonly Extent[]> {
  await using mapped = await mapPartition(host, disk, partition, sectorSize, "loop");
  const probe = await probeFilesystem(host, mapped.device);
  if (probe === undefined) return [];
  const free = await trustedFreeSpace(host, mapped.device, probe.type, partition.sectors * sectorSize);
  return shifted(free, partition.startSector * sectorSize);
}

async function trustedFreeSpace(host: Host, device: string, type: string, bytes: number): Promise<readonly Extent[]> {
  try {
    const inspection = await inspectFilesystem(host, device, type);
    if (inspection?.isDamaged === true) return [];
    if (inspection?.isDirty === true)
      return type.startsWith("ext") ? await freeSpaceOfDirtyExt(host, device, bytes) : [];
    const free = await readFreeSpace(host, device, type, bytes);
    return free.map(({ start, end }) => ({ start: Math.min(start, bytes), end: Math.min(end, bytes) }));
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    host.log.debug(`the free space of ${device} is unknown: ${error.message}`);
    return [];
  }
}

/** Where a filesystem at rest keeps nothing, in bytes from the start of its device. Only ever too little. */
async function readFreeSpace(host: Host, device: string, type: string, bytes: number): Promise<readonly Extent[]> {
  switch (type) {
    case "ext2":
    case "ext3":
    case "ext4":
      return parseDumpe2fs(await capture(host, ["dumpe2fs", device]));
    case "xfs":
      return parseXfsFreeSpace(
        await capture(host, [
          "xfs_db",
          "-r",
          "-c",
          "sb 0",
          "-c",
          "print blocksize agblocks",
          "-c",
          "freesp -d",
          device,
        ]),
      );
    case "btrfs":
      return parseDeviceTree(
        await capture(host, ["btrfs", "inspect-internal", "dump-tree", "-t", "dev", device]),
        bytes,
      );
    case "swap":
      // mkswap(8) writes its header into the first page; pages have up to 64 KiB.
      return [{ start: 64 * 1024, end: bytes }];
    default:
      return [];
  }
}

/** The free blocks of ext2/3/4 by dumpe2fs(8): lines `  Free blocks: 5-9, 12` of each group. */
export function parseDumpe2fs(text: string): readonly Extent[] {
  const blockSize = Number(/^Block size:\s+(\d+)/m.exec(text)?.[1] ?? 0);
  const lines = text.matchAll(/^ {2}Free blocks: (.*)$/gm);
  return [...lines].flatMap(([, list = ""]) =>
    [...list.matchAll(/(\d+)(?:-(\d+))?/g)].map(([, first = "", last = first]) => ({
      start: Number(first) * blockSize,
      end: (Number(last) + 1) * blockSize,
    })),
  );
}

/** The free extents of xfs by xfs_db(8) `freesp -d`: lines `AGNO AGBNO LENGTH`, before a histogram. */
export function parseXfsFreeSpace(text: string): readonly Extent[] {
  const blockSize = Number(/^blocksize = (\d+)/m.exec(text)?.[1] ?? 0);
  const groupBlocks = Number(/^agblocks = (\d+)/m.exec(text)?.[1] ?? 0);
  const list = text.split(/^\s*from\s+to\s+extents/m)[0] ?? "";
  return [...list.matchAll(/^\s*(\d+)\s+(\d+)\s+(\d+)\s*$/gm)].map(([, group, block, length]) => {
    const first = Number(group) * groupBlocks + Number(block);
    return { start: first * blockSize, end: (first + Number(length)) * blockSize };
  });
}

// The superblock and its copies, each 4 KiB; the first MiB is never allocated (BTRFS_DEVICE_RANGE_RESERVED).
const btrfsReserved: readonly Extent[] = [
  { start: 0, end: 1024 ** 2 },
  { start: 64 * 1024 ** 2, end: 64 * 1024 ** 2 + 4096 },
  { start: 256 * 1024 ** 3, end: 256 * 1024 ** 3 + 4096 },
];

/** What btrfs has not allocated to chunks, by the device tree of btrfs-inspect-internal(8). */
export function parseDeviceTree(text: string, bytes: number): readonly Extent[] {
  const items = text.matchAll(/key \(1 DEV_EXTENT (\d+)\)[^\n]*\n(?:(?!\titem)[^\n]*\n)*?[^\n]*\blength (\d+)/g);
  const chunks = [...items].map(([, start, length]) => ({ start: Number(start), end: Number(start) + Number(length) }));
  return chunks.length === 0 ? [] : complement([...btrfsReserved, ...chunks], bytes);
}
