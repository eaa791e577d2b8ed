import type { RootDevice } from "../../devices/lay-out.ts";
import type { FilesystemType } from "../../filesystems/families.ts";
import type { Host } from "../../host/host.ts";
import { openRoot, type RootedFiles } from "../../host/files/rooted-files.ts";

/** A filesystem known by its UUID. */
export interface FilesystemId {
  readonly uuid: string;
  /** As mount(8) takes it, for example `ext4` or `vfat`. */
  readonly type: string;
}

/** A filesystem besides the root, for example of a data disk. */
export interface MountedById extends FilesystemId {
  readonly mountPoint: string;
  /** Default `defaults`. */
  readonly options?: string;
}

/** A system that was just put on its disk, about to become a guest. Every step of create gets the same one. */
export interface InstalledGuest {
  /** Its files, mounted read-write with device nodes and programs allowed. Their `root` is where it is mounted. */
  readonly files: RootedFiles;
  /** Where it lies: the device of its root filesystem, the disk, the partition table. */
  readonly root: RootDevice;
  /** The root filesystem. */
  readonly filesystem: FilesystemId & { readonly type: FilesystemType };
  readonly swap: { readonly uuid: string } | undefined;
  /** Filesystems on further disks. */
  readonly dataDisks: readonly MountedById[];
}

/** What is on the disks besides the root filesystem's files. */
export type InstalledOn = Omit<InstalledGuest, "files">;

/** The guest whose root filesystem is mounted at `path`. */
export function installedGuest(host: Host, path: string, on: InstalledOn): InstalledGuest {
  return { files: openRoot(path, host), ...on };
}
