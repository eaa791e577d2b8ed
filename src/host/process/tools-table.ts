import type { Tool } from "./tools.ts";

/** The purposes that tools are needed for, in the words of README.md. */
export const needs = {
  always: "every script",
  attach: "taking a disk: a lock, a loop device on a file, a mount, and their release",
  disk: "create, import, export, rename",
  tree: "create, import, export of a filesystem",
  write: "create, import",
  partitions: "a partition table",
  kpartx: "partitions by device-mapper (otherwise a loop device takes its place)",
  swap: "a swap disk",
  ext: "ext2, ext3, ext4",
  xfs: "xfs",
  btrfs: "btrfs",
  exportExt: "export of ext2, ext3, ext4",
  exportXfs: "export of xfs",
  exportBtrfs: "export of btrfs",
  udev: "nodes where udev runs",
  debootstrap: "BOOTSTRAP=debootstrap",
  mmdebstrap: "BOOTSTRAP=mmdebstrap",
  signatures: "a bootstrap with CHECK_SIGNATURES=yes",
  apt: "a faster bootstrap",
  hostKeys: "create, for guests with openssh-server",
  architecture: "an empty ARCH",
  espImage: "BOOTLOADER=grub with PARTITION_STYLE=gpt",
  hooks: "hooks in CUSTOMIZE_DIR",
  names: "names of other hosts at a rename",
  zstd: "backups compressed with zstd",
  gzip: "backups compressed with gzip",
  dump: "backups of dump(8)",
} as const;

export type Need = keyof typeof needs;

/** A Debian package, its commands that are run, and the purposes of which each needs them. */
interface ToolRow {
  readonly package: string;
  readonly commands: readonly string[];
  readonly neededBy: readonly Need[];
}

/** Purposes whose tools are optional: without them the work goes on in another way, or does less. */
const optional: ReadonlySet<Need> = new Set(["kpartx", "udev", "apt", "names"]);

/**
 * Every external command that is run on the node, and the Debian package that brings it. The checks before a disk is
 * touched, README.md and scripts/install-packages are made from it; a test compares it with the commands in the
 * sources.
 */
export const toolTable: readonly ToolRow[] = [
  { package: "dash", commands: ["sh"], neededBy: ["always"] },
  { package: "bash", commands: ["bash"], neededBy: ["always"] },
  {
    package: "coreutils",
    commands: ["cat", "chroot", "cp", "mkdir", "rm", "sync", "wc"],
    neededBy: ["attach", "disk"],
  },
  { package: "coreutils", commands: ["du", "mknod"], neededBy: ["write"] },
  { package: "findutils", commands: ["find", "xargs"], neededBy: ["disk"] },
  { package: "util-linux", commands: ["setpriv", "unshare"], neededBy: ["always"] },
  { package: "util-linux", commands: ["flock"], neededBy: ["attach", "disk"] },
  { package: "util-linux", commands: ["blkid", "mountpoint"], neededBy: ["disk"] },
  { package: "util-linux", commands: ["blkdiscard"], neededBy: ["write"] },
  { package: "util-linux", commands: ["prlimit"], neededBy: ["ext"] },
  { package: "util-linux", commands: ["mkswap"], neededBy: ["swap"] },
  { package: "util-linux", commands: ["blockdev"], neededBy: ["kpartx"] },
  { package: "mount", commands: ["losetup"], neededBy: ["attach", "disk"] },
  { package: "mount", commands: ["mount", "umount"], neededBy: ["attach", "disk"] },
  { package: "fdisk", commands: ["sfdisk"], neededBy: ["partitions"] },
  { package: "kpartx", commands: ["kpartx"], neededBy: ["kpartx"] },
  { package: "dmsetup", commands: ["dmsetup"], neededBy: ["kpartx"] },
  { package: "udev", commands: ["udevadm"], neededBy: ["udev"] },
  { package: "tar", commands: ["tar"], neededBy: ["tree"] },
  { package: "e2fsprogs", commands: ["mke2fs", "e2fsck", "tune2fs", "resize2fs", "debugfs"], neededBy: ["ext"] },
  { package: "e2fsprogs", commands: ["dumpe2fs"], neededBy: ["ext", "exportExt"] },
  { package: "e2fsprogs", commands: ["e2image", "e2fsck"], neededBy: ["exportExt"] },
  { package: "e2fsprogs", commands: ["lsattr", "chattr"], neededBy: ["tree"] },
  { package: "xfsprogs", commands: ["mkfs.xfs", "xfs_io", "xfs_admin", "xfs_growfs"], neededBy: ["xfs"] },
  { package: "xfsprogs", commands: ["xfs_db", "xfs_logprint"], neededBy: ["exportXfs"] },
  { package: "btrfs-progs", commands: ["mkfs.btrfs", "btrfstune"], neededBy: ["btrfs"] },
  { package: "btrfs-progs", commands: ["btrfs"], neededBy: ["btrfs", "exportBtrfs"] },
  { package: "debootstrap", commands: ["debootstrap"], neededBy: ["debootstrap"] },
  { package: "wget", commands: ["wget"], neededBy: ["debootstrap"] },
  { package: "mmdebstrap", commands: ["mmdebstrap"], neededBy: ["mmdebstrap"] },
  { package: "gpgv", commands: ["gpgv"], neededBy: ["signatures"] },
  { package: "apt", commands: ["apt-get"], neededBy: ["apt"] },
  { package: "openssh-client", commands: ["ssh-keygen"], neededBy: ["hostKeys"] },
  { package: "dpkg", commands: ["dpkg"], neededBy: ["architecture"] },
  { package: "mtools", commands: ["mcopy", "mmd"], neededBy: ["espImage"] },
  { package: "dosfstools", commands: ["mkfs.vfat"], neededBy: ["espImage"] },
  { package: "debianutils", commands: ["run-parts"], neededBy: ["hooks"] },
  { package: "libc-bin", commands: ["getent"], neededBy: ["names"] },
  { package: "zstd", commands: ["zstd"], neededBy: ["zstd"] },
  { package: "gzip", commands: ["gzip"], neededBy: ["gzip"] },
  { package: "dump", commands: ["dump", "restore"], neededBy: ["dump"] },
];

/** The tools of all these purposes, each once, without those of optional purposes. */
export function toolsFor(...purposes: readonly Need[]): readonly Tool[] {
  const wanted = new Set<Need>(purposes.filter((need) => !optional.has(need)));
  const rows = toolTable.filter(({ neededBy }) => neededBy.some((need) => wanted.has(need)));
  const tools = rows.flatMap((row) => row.commands.map((command) => ({ command, package: row.package })));
  return tools.filter(({ command }, index) => tools.findIndex((other) => other.command === command) === index);
}

/** The package that brings a command. Throws Error for one that is not in the table. */
export function packageOf(command: string): string {
  const row = toolTable.find(({ commands }) => commands.includes(command));
  if (row === undefined) throw new Error(`no package is known for ${command}`);
  return row.package;
}
