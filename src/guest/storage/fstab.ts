import type { RootedFiles } from "../../host/rooted-files.ts";

/** A filesystem known by its UUID. */
export interface FstabFilesystem {
  readonly uuid: string;
  /** As mount(8) takes it: `ext4`, `xfs`, `vfat`. */
  readonly type: string;
}

/** A filesystem besides the root: the EFI system partition, a data disk. */
export interface FurtherFilesystem extends FstabFilesystem {
  readonly mountPoint: string;
  readonly options?: string;
}

/** What the guest's fstab lists. */
export interface Filesystems {
  readonly root: FstabFilesystem;
  readonly swap?: { readonly uuid: string } | undefined;
  readonly further?: readonly FurtherFilesystem[];
}

const head = `# /etc/fstab: static file system information.
#
# <file system> <mount point> <type> <options> <dump> <pass>
`;

/** Writes /etc/fstab anew: by UUID, because a disk has other names on another bus, hypervisor or node. */
export async function writeFstab(files: RootedFiles, filesystems: Filesystems): Promise<void> {
  await files.write("/etc/fstab", fstab(filesystems), { mode: 0o644 });
}

/** The text of an fstab. */
export function fstab({ root, swap, further = [] }: Filesystems): string {
  return [
    head,
    line(`UUID=${root.uuid}`, "/", root.type, "defaults", passOf(root.type, true)),
    line("proc", "/proc", "proc", "defaults", 0),
    ...further.map(({ uuid, type, mountPoint, options = "defaults" }) =>
      line(`UUID=${uuid}`, mountPoint, type, options, passOf(type, false)),
    ),
    ...(swap === undefined ? [] : [line(`UUID=${swap.uuid}`, "none", "swap", "sw", 0)]),
  ].join("");
}

function line(device: string, mountPoint: string, type: string, options: string, pass: number): string {
  return `${[device, mountPoint, type, options, "0", String(pass)].join(" ")}\n`;
}

// xfs and btrfs are not checked at boot: their fsck does nothing (fsck.xfs(8), btrfs(5)), and a guest may not have it.
function passOf(type: string, isRoot: boolean): number {
  if (!/^ext[234]$|^v?fat$/.test(type)) return 0;
  return isRoot ? 1 : 2;
}
