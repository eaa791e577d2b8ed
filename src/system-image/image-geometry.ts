import type { Config } from "../config/config.ts";
import { filesystemArguments } from "../devices/filesystem.ts";
import type { Host } from "../host/host.ts";
import { capture } from "../host/run.ts";
import type { SystemNeeds } from "./cache-key.ts";

/** The filesystem an image holds: what must not differ from what mkfs would make on the target itself. */
export interface ImageGeometry {
  readonly type: "ext2" | "ext3" | "ext4";
  /** Arguments of mke2fs that fit it to the guest's age and boot loader. */
  readonly features: readonly string[];
  /** Bytes of disk for each inode. */
  readonly inodeRatio: number;
}

/** Images have this block size only: smaller ones belong to disks below 512 MiB, which are quickly filled by tar. */
export const imageBlockSize = 4096;

/** Blocks of a full block group: as many as one bitmap block has bits. */
export const blocksPerGroup = imageBlockSize * 8;

/** Largest device, in bytes, to whose size the image's reserved group descriptors let it grow. */
export const largestDevice = 15 * 2 ** 40;

// One inode in 16 kB of a 16.1 kB group still is the same ratio: mke2fs rounds to whole inode blocks and groups.
const tolerance = 0.15;

/**
 * The geometry that mke2fs would choose for `device`, asked from mke2fs itself (its choices depend on the size and on
 * /etc/mke2fs.conf); undefined where no image can stand for it.
 */
export async function geometryFor(
  host: Host,
  config: Config,
  needs: SystemNeeds,
  device: string,
): Promise<ImageGeometry | undefined> {
  const type = config.filesystem;
  if (type === "xfs" || type === "btrfs") return undefined;
  const features = filesystemArguments(type, config.suite, { bootloader: needs.bootloader });
  const plan = parseDryRun(await capture(host, ["mke2fs", "-n", "-F", "-t", type, ...features, device]));
  if (plan?.blockSize !== imageBlockSize) return undefined;
  const ratio = (plan.blocks * plan.blockSize) / plan.inodes;
  const inodeRatio = 2 ** Math.round(Math.log2(ratio));
  return Math.abs(ratio / inodeRatio - 1) > tolerance ? undefined : { type, features, inodeRatio };
}

/** Reads `Creating filesystem with 262144 4k blocks and 65536 inodes`. */
export function parseDryRun(text: string): { blocks: number; blockSize: number; inodes: number } | undefined {
  const match = /with (\d+) (\d+)k blocks and (\d+) inodes/.exec(text);
  if (match === null) return undefined;
  return { blocks: Number(match[1]), blockSize: Number(match[2]) * 1024, inodes: Number(match[3]) };
}
