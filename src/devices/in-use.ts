import { readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { joinedErrors, KnownError } from "../host/errors.ts";
import type { Host } from "../host/host.ts";
import {
  type BlockDevice,
  blockDeviceNumber,
  type DeviceNumber,
  type Holder,
  isHeldExclusively,
} from "./kernel/block-device.ts";
import { describeUsers, mountUsers } from "./kernel/device-users.ts";
import { type FileKey, fileKey } from "./kernel/file-key.ts";
import { backingKeys, type LoopState, readLoops } from "./attach/loop-state.ts";

/** The kernel's view of a disk: a block device with its partitions, or a file. */
export type DiskIdentity =
  | { readonly kind: "block"; readonly device: string; readonly block: BlockDevice }
  | { readonly kind: "file"; readonly path: string; readonly key: FileKey };

/** A use of a disk, and how an administrator ends it. */
export interface DiskUse {
  readonly use: string;
  readonly remedy: string;
}

/** A disk and the path that it was given by. */
export interface NamedDisk {
  readonly path: string;
  readonly identity: DiskIdentity;
}

/**
 * Throws KnownError when anything uses one of the disks: a mount in any namespace, swap, a device on top of it, a loop
 * device on it or on a part of it, an exclusive opener, or an emulator's image lock. It cannot see a running guest
 * whose hypervisor takes no lock.
 */
export async function refuseDisksInUse(host: Host, disks: readonly NamedDisk[]): Promise<void> {
  const node = await lookAtNode(host);
  const failures = disks.flatMap(({ path, identity }) => {
    const uses = findUses(node, identity);
    return uses.length === 0 ? [] : [inUse(path, uses)];
  });
  if (failures.length > 0) throw joinedErrors(failures);
}

function inUse(path: string, uses: readonly DiskUse[]): KnownError {
  return new KnownError(`disk ${path} is in use: ${uses.map(({ use }) => use).join("; ")}`, {
    hint: [...new Set(uses.map(({ remedy }) => remedy))].join("; "),
  });
}

/** Everything that is in use on the node, read once for all disks. */
interface NodeState {
  readonly swaps: readonly string[];
  readonly loops: readonly LoopState[];
  /** By loop device. */
  readonly loopKeys: ReadonlyMap<string, FileKey>;
  readonly imageLocks: ReadonlySet<FileKey>;
}

async function lookAtNode(host: Host): Promise<NodeState> {
  const loops = readLoops();
  // Reading the locks takes time, because the kernel stops all changes of locks meanwhile.
  const [loopKeys, locks] = await Promise.all([
    loops.length === 0 ? new Map<string, FileKey>() : backingKeys(host),
    readFile("/proc/locks", "utf8"),
  ]);
  return { swaps: parseSwaps(readFileSync("/proc/swaps", "utf8")), loops, loopKeys, imageLocks: imageLocks(locks) };
}

function findUses(node: NodeState, disk: DiskIdentity): readonly DiskUse[] {
  const known = [...holderUses(disk), ...swapUses(node, disk), ...loopUses(node, disk), ...lockUses(node, disk)];
  return known.length === 0 ? exclusiveUses(disk) : known;
}

function holderUses(disk: DiskIdentity): readonly DiskUse[] {
  return disk.kind === "file" ? [] : disk.block.holders.map((holder) => holderUse(holder, disk.device));
}

function holderUse({ name, mapName, mapUuid }: Holder, device: string): DiskUse {
  if (mapName === undefined)
    return {
      use: `the device ${name} is built on it`,
      remedy: `stop ${name} (for example mdadm --stop /dev/${name}) and try again`,
    };
  // kpartx writes UUIDs of this form, whatever it or the scripts before us called the map (<dev>-1, <dev>-part1,
  // <dev>p1).
  if (/^part\d+-/.test(mapUuid ?? "")) {
    return {
      use: `the partition map ${mapName} is on it`,
      remedy: `kpartx -d ${device}, or dmsetup remove ${mapName}`,
    };
  }
  return {
    use: `the device-mapper device ${mapName} is built on it`,
    remedy: `deactivate ${mapName} (vgchange --activate n, or dmsetup remove)`,
  };
}

function swapUses({ swaps }: NodeState, disk: DiskIdentity): readonly DiskUse[] {
  return swaps
    .filter((path) => isPartOf(path, disk))
    .map((path) => ({ use: `${path} is swapped on`, remedy: `swapoff ${path}` }));
}

/** The paths in proc_swaps(5). */
export function parseSwaps(text: string): readonly string[] {
  return text
    .split("\n")
    .slice(1)
    .flatMap((line) => /^(\S+)\s/.exec(line)?.[1] ?? [])
    .map((path) => path.replace(/\\040/g, " "));
}

// O_EXCL, mountinfo and holders are silent about a loop device on the disk, mounted or not.
function loopUses({ loops, loopKeys }: NodeState, disk: DiskIdentity): readonly DiskUse[] {
  return loops
    .filter(({ device, backing }) => isPartOf(backing, disk) || loopKeys.get(device) === keyOf(disk))
    .map((loop) => loopUse(loop));
}

function loopUse({ device, offset }: LoopState): DiskUse {
  const part = offset === 0 ? "it" : `byte ${String(offset)} of it`;
  return {
    use: `the loop device ${device} begins at ${part}${describeUsers(device)}`,
    remedy: `unmount what is on it, then losetup --detach ${device}`,
  };
}

function keyOf(disk: DiskIdentity): FileKey | undefined {
  return disk.kind === "file" ? disk.key : fileKey(disk.device);
}

function isPartOf(path: string, disk: DiskIdentity): boolean {
  if (disk.kind === "file") return fileKey(path) === disk.key;
  const number = blockDeviceNumber(path);
  return number !== undefined && deviceNumbers(disk.block).has(number);
}

// QEMU locks an image's bytes 100 to 299 while a guest runs on it (docs/devel: file locking of its file-posix driver).
function lockUses(node: NodeState, disk: DiskIdentity): readonly DiskUse[] {
  const key = keyOf(disk);
  const held = key !== undefined && node.imageLocks.has(key);
  return held ? [{ use: "an emulator holds its image lock", remedy: "shut the instance down first" }] : [];
}

/** The files of proc_locks(5) on which somebody holds a QEMU image lock. */
export function imageLocks(text: string): ReadonlySet<FileKey> {
  const line = /^\d+: (?:OFDLCK|POSIX) .* ([0-9a-f]+):([0-9a-f]+):(\d+) (\d+) (\d+)$/;
  return new Set(
    text.split("\n").flatMap((text) => {
      const [, major = "", minor = "", inode = "", start, end] = line.exec(text.trim()) ?? [];
      const isImageLock = Number(start) >= 100 && Number(end) < 300;
      return isImageLock ? [`${hexadecimal(major)}:${hexadecimal(minor)}:${inode}`] : [];
    }),
  );
}

function hexadecimal(digits: string): string {
  return String(Number.parseInt(digits, 16));
}

function exclusiveUses(disk: DiskIdentity): readonly DiskUse[] {
  if (disk.kind === "file" || !isHeldExclusively(disk.device)) return [];
  const mounts = mountUsers(deviceNumbers(disk.block));
  if (mounts.length > 0) return mounts.map((use) => ({ use, remedy: "unmount it" }));
  return [
    {
      use: `held exclusively${describeUsers(disk.device)}`,
      remedy: "stop its users (lsblk and fuser -v name them) and try again",
    },
  ];
}

function deviceNumbers({ number, partitions }: BlockDevice): ReadonlySet<DeviceNumber> {
  return new Set([number, ...partitions]);
}
