import type { Disk } from "../../devices/disk.ts";
import { trustedFreeSpace } from "../../filesystems/free-space.ts";
import { probeFilesystem } from "../../filesystems/probe.ts";
import { mapPartition } from "../../devices/partitions/map.ts";
import { type Partition, readPartitionTable } from "../../devices/partitions/table.ts";
import type { Host } from "../../host/host.ts";
import { type Extent, shifted } from "../../devices/blocks/extents.ts";

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
