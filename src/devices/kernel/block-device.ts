import { closeSync, openSync, constants, readdirSync, readFileSync, realpathSync, statSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { ifThereSync } from "../../host/files/absent.ts";
import { hasCode, KnownError, messageOf } from "../../host/errors.ts";

/** The number of a block device as the kernel writes it: `major:minor`, decimal. */
export type DeviceNumber = string;

/** The facts of a block device in sysfs. Reading them needs no extra process. */
export interface BlockDevice {
  readonly number: DeviceNumber;
  /** The kernel's own name, for example `dm-3` or `loop0`. */
  readonly name: string;
  readonly sizeBytes: number;
  /** Logical sector size in bytes. */
  readonly sectorSize: number;
  /** The smallest number of bytes that it writes at once. */
  readonly physicalSectorSize: number;
  /** The number of bytes that it writes best, for example a RAID's stripe; 0 when it reports none. */
  readonly minimumIoBytes: number;
  readonly optimalIoBytes: number;
  /** The size of the page cache's read-ahead, which limits the size of its folios. */
  readonly readAheadBytes: number;
  readonly readOnly: boolean;
  /** 0 where the device cannot discard. */
  readonly discardMaxBytes: number;
  /** Numbers of its partitions that the kernel shows. */
  readonly partitions: readonly DeviceNumber[];
  /** The devices stacked on it or on one of its partitions: device-mapper, MD, DRBD, bcache. */
  readonly holders: readonly Holder[];
}

/** A device built on another one. */
export interface Holder {
  /** The kernel's name, for example `dm-3`. */
  readonly name: string;
  /** Device-mapper's name and UUID, for such a device. */
  readonly mapName: string | undefined;
  readonly mapUuid: string | undefined;
}

/** The size of the sectors in which sysfs, device-mapper and kpartx count. It does not depend on the device. */
export const kernelSectorSize = 512;

/** Reads what the kernel knows of the block device at `path` (links followed). Throws KnownError when there is none. */
export function readBlockDevice(path: string): BlockDevice {
  const status = statSync(path, { bigint: true });
  if (!status.isBlockDevice()) throw new KnownError(`${path} is not a block device`);
  const number = deviceNumber(status.rdev);
  const directory = sysfsDirectory(number);
  if (directory === undefined) throw new KnownError(`${path}: the kernel has no block device ${number}`);
  return describe(number, directory);
}

function describe(number: DeviceNumber, directory: string): BlockDevice {
  // The queue of a partition belongs to the disk above it.
  const disk = isPartition(directory) ? dirname(directory) : directory;
  const partitions = partitionDirectories(directory);
  return {
    number,
    name: basename(directory),
    sizeBytes: readNumber(join(directory, "size")) * kernelSectorSize,
    sectorSize: readNumber(join(disk, "queue/logical_block_size")),
    physicalSectorSize: readNumber(join(disk, "queue/physical_block_size")),
    minimumIoBytes: readNumber(join(disk, "queue/minimum_io_size")),
    optimalIoBytes: readNumber(join(disk, "queue/optimal_io_size")),
    readAheadBytes: readNumber(join(disk, "queue/read_ahead_kb")) * 1024,
    readOnly: readNumber(join(directory, "ro")) !== 0,
    discardMaxBytes: readNumber(join(disk, "queue/discard_max_bytes")),
    partitions: partitions.map((partition) => readText(join(partition, "dev")) ?? ""),
    holders: [directory, ...partitions].flatMap(holdersOf),
  };
}

/** `major:minor` of a number as stat(2) gives it; the split is that of glibc's gnu_dev_major and gnu_dev_minor. */
export function deviceNumber(rdev: bigint): DeviceNumber {
  const major = ((rdev >> 8n) & 0xfffn) | ((rdev >> 32n) & ~0xfffn);
  const minor = (rdev & 0xffn) | ((rdev >> 12n) & ~0xffn);
  return `${String(major)}:${String(minor)}`;
}

/** The number of the block device at `path`, or undefined when there is none. */
export function blockDeviceNumber(path: string): DeviceNumber | undefined {
  try {
    const status = statSync(path, { bigint: true });
    return status.isBlockDevice() ? deviceNumber(status.rdev) : undefined;
  } catch {
    return undefined;
  }
}

/** The directory of a block device in sysfs, or undefined when the kernel has no such device. */
export function sysfsDirectory(number: DeviceNumber): string | undefined {
  return ifThereSync(() => realpathSync(`/sys/dev/block/${number}`));
}

/**
 * Whether somebody holds the device exclusively: a mount in any namespace, swap, device-mapper, MD, or mkfs. The
 * kernel (bd_may_claim) also says so for a disk of which a partition is held, and for a partition of a held disk.
 */
export function isHeldExclusively(device: string): boolean {
  try {
    // O_EXCL without O_CREAT claims a block device; read-only, because closing a writer makes udev probe the device.
    closeSync(openSync(device, constants.O_RDONLY | constants.O_EXCL | constants.O_NONBLOCK));
    return false;
  } catch (error) {
    if (hasCode(error, "EBUSY")) return true;
    // EROFS, EMEDIUMTYPE: a DRBD device that is not primary here.
    throw new KnownError(`cannot open ${device}: ${messageOf(error)}`, {
      hint: "make sure that it is active and primary on this node (gnt-instance activate-disks)",
      cause: error,
    });
  }
}

/** The text of a small file of sysfs or procfs without the last newline, or undefined when it is not there. */
export function readText(path: string): string | undefined {
  // ENXIO, ENODEV: the device went away between open and read.
  return ifThereSync(() => readFileSync(path, "utf8").trimEnd(), "ENXIO", "ENODEV", "EINVAL");
}

function isPartition(directory: string): boolean {
  return readText(join(directory, "partition")) !== undefined;
}

function partitionDirectories(directory: string): readonly string[] {
  return readdirSync(directory, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && entry.name.startsWith(basename(directory)))
    .map((entry) => join(directory, entry.name))
    .filter(isPartition);
}

function holdersOf(directory: string): readonly Holder[] {
  return listDirectory(join(directory, "holders")).map((name) => ({
    name,
    mapName: readText(`/sys/class/block/${name}/dm/name`),
    mapUuid: readText(`/sys/class/block/${name}/dm/uuid`),
  }));
}

/** The names in a directory, none when it is not there. */
export function listDirectory(path: string): readonly string[] {
  return ifThereSync(() => readdirSync(path), "ESRCH") ?? [];
}

function readNumber(path: string): number {
  return Number(readText(path) ?? 0);
}
