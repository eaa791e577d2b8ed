import type { Host } from "../host/host.ts";
import { inspectBtrfs } from "./btrfs.ts";
import { inspectExt } from "./ext.ts";
import type { FilesystemFacts } from "../stream/format/manifest.ts";
import { inspectXfs } from "./xfs.ts";

/** What a filesystem that is not mounted says of itself. */
export interface Inspection {
  readonly facts: FilesystemFacts;
  /** Its journal was not replayed: it was in use when the snapshot was taken, or when its machine died. */
  readonly isDirty: boolean;
  /** It knows of errors in itself. */
  readonly isDamaged: boolean;
  /** What of it a tar cannot carry, for a sentence `it has ...`. */
  readonly obstacle?: string;
}

/** Inspects a filesystem of a type as blkid(8) names it; undefined for those that are not taken as a tree. */
export async function inspectFilesystem(host: Host, device: string, type: string): Promise<Inspection | undefined> {
  switch (type) {
    case "ext2":
    case "ext3":
    case "ext4":
      return await inspectExt(host, device, type);
    case "xfs":
      return await inspectXfs(host, device);
    case "btrfs":
      return await inspectBtrfs(host, device);
    default:
      return undefined;
  }
}
