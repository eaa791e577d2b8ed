import type { Config } from "../config/config.ts";
import type { TreeSize } from "./tree/tar.ts";

/** The smallest disk that is accepted: `bytes` for the filesystem's device, `inodes` in its root filesystem. */
export interface Requirement {
  readonly bytes: number;
  readonly inodes: number;
}

const mebibyte = 1024 * 1024;

interface Overhead {
  /** Journal, superblocks, group descriptors. */
  readonly fixed: number;
  /** Inode tables, btrees: share of the device. */
  readonly share: number;
  /** Below it mkfs refuses, or makes what cannot be used. */
  readonly minimum: number;
}

// Measured on filesystems just large enough for a Debian system (see docs/cache.md).
const overheads: Readonly<Record<Config["filesystem"], Overhead>> = {
  ext2: { fixed: 4 * mebibyte, share: 0.07, minimum: 0 },
  ext3: { fixed: 24 * mebibyte, share: 0.07, minimum: 0 },
  ext4: { fixed: 24 * mebibyte, share: 0.07, minimum: 0 },
  xfs: { fixed: 104 * mebibyte, share: 0.05, minimum: 300 * mebibyte },
  btrfs: { fixed: 64 * mebibyte, share: 0.05, minimum: 128 * mebibyte },
};

/** Room for hostname, keys, network files, a boot loader's files and a first start's logs. */
const configuration = { bytes: 8 * mebibyte, inodes: 256 };

/** What a device must offer for `tree` on a filesystem of this type, its own overhead included. */
export function requirementFor(tree: TreeSize, filesystem: Config["filesystem"]): Requirement {
  const { fixed, share, minimum } = overheads[filesystem];
  const bytes = (tree.bytes + configuration.bytes + fixed) / (1 - share);
  return { bytes: Math.ceil(Math.max(bytes, minimum)), inodes: tree.inodes + configuration.inodes };
}
