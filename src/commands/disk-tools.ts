import type { Config } from "../config/config.ts";
import type { Tool } from "../host/tools.ts";
import type { CreateRequest, ImportRequest } from "../os-api/request.ts";
import type { Manifest } from "../stream/format/manifest.ts";

const always = fromPackage(
  "util-linux",
  ...["setpriv", "unshare", "flock", "losetup", "blkid", "blkdiscard", "mount", "umount"],
);
const extTools = fromPackage("e2fsprogs", "mke2fs", "e2fsck", "tune2fs", "resize2fs", "dumpe2fs", "debugfs");

const swapTools = fromPackage("util-linux", "mkswap");

const filesystemTools: Readonly<Record<Config["filesystem"], readonly Tool[]>> = {
  ext2: extTools,
  ext3: extTools,
  ext4: extTools,
  xfs: fromPackage("xfsprogs", "mkfs.xfs"),
  btrfs: fromPackage("btrfs-progs", "mkfs.btrfs"),
};

/** The disks that are worked on; a swap device beside the first one gets new swap space. */
type Swapped = Pick<CreateRequest | ImportRequest, "swapDevice">;

/**
 * What create runs, and import for a backup whose layout is that of the settings, so that nothing turns out to be missing
 * when the disk is wiped already. What a bootstrap, a boot loader or the hooks need besides is their own to know.
 */
export function toolsForCreate(
  { filesystem, partitionStyle }: Pick<Config, "filesystem" | "partitionStyle">,
  { swapDevice }: Swapped,
): readonly Tool[] {
  return toolsForTree(filesystem, partitionStyle, swapDevice !== undefined);
}

/** What import runs for a stream with this manifest. */
export function toolsForRestore(
  { disk, filesystem, layout }: Pick<Manifest, "disk" | "filesystem" | "layout">,
  { swapDevice }: Swapped,
): readonly Tool[] {
  if (filesystem !== undefined) return toolsForTree(filesystem.type, layout?.style ?? "none", swapDevice !== undefined);
  return disk.role === "swap" ? [...always, ...swapTools] : always;
}

function toolsForTree(
  filesystem: Config["filesystem"],
  style: Config["partitionStyle"],
  withSwap: boolean,
): readonly Tool[] {
  return [
    ...always,
    ...fromPackage("tar", "tar"),
    ...filesystemTools[filesystem],
    ...(style === "none" ? [] : fromPackage("fdisk", "sfdisk")),
    ...(withSwap ? swapTools : []),
  ];
}

function fromPackage(name: string, ...commands: readonly string[]): readonly Tool[] {
  return commands.map((command) => ({ command, package: name }));
}
