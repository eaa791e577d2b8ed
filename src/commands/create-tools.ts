import type { Config } from "../config/config.ts";
import type { Tool } from "../host/tools.ts";
import type { CreateRequest } from "../os-api/request.ts";

const always = fromPackage("util-linux", "setpriv", "unshare", "flock", "losetup", "blkid", "mount", "umount");
const extTools = fromPackage("e2fsprogs", "mke2fs", "e2fsck", "tune2fs", "resize2fs", "dumpe2fs", "debugfs");

const filesystemTools: Readonly<Record<Config["filesystem"], readonly Tool[]>> = {
  ext2: extTools,
  ext3: extTools,
  ext4: extTools,
  xfs: fromPackage("xfsprogs", "mkfs.xfs"),
  btrfs: fromPackage("btrfs-progs", "mkfs.btrfs"),
};

/**
 * What create runs, so that nothing turns out to be missing when the disk is wiped already. What a bootstrap, a boot
 * loader or the hooks need besides is their own to know.
 */
export function toolsForCreate(
  { filesystem, partitionStyle }: Pick<Config, "filesystem" | "partitionStyle">,
  { swapDevice }: Pick<CreateRequest, "swapDevice">,
): readonly Tool[] {
  return [
    ...always,
    ...fromPackage("tar", "tar"),
    ...filesystemTools[filesystem],
    ...(partitionStyle === "none" ? [] : fromPackage("fdisk", "sfdisk")),
    ...(swapDevice === undefined ? [] : fromPackage("util-linux", "mkswap")),
  ];
}

function fromPackage(name: string, ...commands: readonly string[]): readonly Tool[] {
  return commands.map((command) => ({ command, package: name }));
}
