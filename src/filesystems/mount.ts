import { type MountedFilesystem, mountDevice } from "../devices/attach/mount.ts";
import type { Owned } from "../host/disposal.ts";
import type { Host } from "../host/host.ts";
import { familyOf, type FilesystemType } from "./families.ts";

export interface FilesystemMount {
  readonly type: FilesystemType;
  readonly readOnly?: boolean;
  /** The tree is a guest's: no device, set-id file or program on it works on the node. */
  readonly guestControlled?: boolean;
  /**
   * The filesystem was just made, and what a crash takes of it can be made again: it does not flush its device at each
   * step of its journal. What is on the disk for good is only what the fsync at the disk's release confirms (disk.ts).
   */
  readonly fresh?: boolean;
  /** All of it, whatever part of it is mounted by default. */
  readonly wholeTree?: boolean;
  /** Its journal is left alone: even a read-only mount may write to a device that can be written. */
  readonly withoutJournal?: boolean;
}

/** Mounts a filesystem as its family wants it: see {@link mountDevice}. */
export async function mountFilesystem(
  host: Host,
  device: string,
  mount: FilesystemMount,
): Promise<MountedFilesystem & Owned> {
  const { type, readOnly = false, guestControlled = false } = mount;
  return await mountDevice(host, device, { type, readOnly, guestControlled, options: familyOptions(mount) });
}

/** The options of mount(8) that the type asks for. */
export function familyOptions({
  type,
  guestControlled = false,
  fresh = false,
  wholeTree = false,
  withoutJournal = false,
}: FilesystemMount): readonly string[] {
  const options = familyOf(type).mountOptions(type);
  return [
    ...(fresh ? options.fresh : []),
    ...(guestControlled ? options.guestControlled : []),
    ...options.always,
    ...(wholeTree ? options.wholeTree : []),
    ...(withoutJournal ? options.withoutJournal : []),
  ];
}
