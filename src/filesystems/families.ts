import * as z from "zod/mini";
import { btrfsFacts, btrfsFamily } from "./btrfs.ts";
import { extFamily } from "./ext.ts";
import { extFacts } from "./ext/facts.ts";
import type { FamilyInspection, FilesystemFamily } from "./family.ts";
import { xfsFacts, xfsFamily } from "./xfs.ts";

/** A filesystem as it must be made again so that the guest's kernel and boot loader can read it as before. */
export const filesystemSchema = z.discriminatedUnion("type", [extFacts, xfsFacts, btrfsFacts]);
export type FilesystemFacts = z.infer<typeof filesystemSchema>;

/** A type that a guest's filesystem can have here, as blkid(8) and mount(8) name it. */
export type FilesystemType = FilesystemFacts["type"];

export type Inspection = FamilyInspection<FilesystemFacts>;

// Each type's family. No other driver of the node's kernel is let loose on a guest's disk.
const families: Readonly<Record<FilesystemType, FilesystemFamily<FilesystemFacts>>> = {
  ext2: extFamily,
  ext3: extFamily,
  ext4: extFamily,
  xfs: xfsFamily,
  btrfs: btrfsFamily,
};

/** All types there are, as words. */
export const filesystemTypes = Object.keys(families) as readonly FilesystemType[];

/** The modules by which grub reads them. */
export const grubModules: readonly string[] = [...new Set(Object.values(families).map(({ grubModule }) => grubModule))];

/** All that is known of filesystems of this type. */
export function familyOf(type: FilesystemType): FilesystemFamily<FilesystemFacts> {
  return families[type];
}

/** Whether a type that blkid(8) or fstab names is one of ours. */
export function isFilesystemType(type: string): type is FilesystemType {
  return Object.hasOwn(families, type);
}
