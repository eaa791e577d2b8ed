import * as z from "zod/mini";
import { bytes, identity, powerOfTwo, word } from "../facts.ts";
import type { FamilyInspection } from "../family.ts";
import { field, numberField, words } from "./dumpe2fs.ts";

/** The facts of ext2, ext3 and ext4. */
export const extFacts = z.object({
  type: z.enum(["ext2", "ext3", "ext4"]),
  ...identity,
  blockSize: powerOfTwo,
  inodeSize: powerOfTwo,
  inodes: bytes,
  blocks: bytes,
  reservedBlocks: bytes,
  journalBlocks: z.optional(bytes),
  /** Names as in dumpe2fs(8) and mke2fs -O. */
  features: z.array(word),
  mountOptions: z.array(word),
  errorsBehavior: z.optional(word),
  hashAlgorithm: z.optional(word),
});
export type ExtFacts = z.infer<typeof extFacts>;
export type ExtType = ExtFacts["type"];

/** Whether a type is one of this family. */
export function isExt(type: string): type is ExtType {
  return type === "ext2" || type === "ext3" || type === "ext4";
}

// What a tar cannot carry, by the superblock's feature: keys, Merkle trees, the case rule of directories, quota limits.
const obstacles: Readonly<Record<string, string>> = {
  encrypt: "encrypted directories (fscrypt)",
  verity: "files sealed by fs-verity",
  casefold: "directories that ignore case (casefold)",
  quota: "disk quotas",
};

const errorsBehaviors: Readonly<Record<string, string>> = {
  Continue: "continue",
  "Remount read-only": "remount-ro",
  Panic: "panic",
};

/** Reads what `dumpe2fs -h` says of a filesystem. */
export function parseExt(dump: string, type: ExtType): FamilyInspection<ExtFacts> {
  const features = words(dump, "Filesystem features");
  const label = field(dump, "Filesystem volume name");
  const journalBlocks = numberField(dump, "Total journal blocks");
  const errors = errorsBehaviors[field(dump, "Errors behavior")];
  const hashAlgorithm = field(dump, "Default directory hash");
  const obstacle = features.map((feature) => obstacles[feature]).find((found) => found !== undefined);
  return {
    facts: {
      type,
      uuid: field(dump, "Filesystem UUID"),
      label: label === "<none>" ? "" : label,
      blockSize: numberField(dump, "Block size"),
      inodeSize: numberField(dump, "Inode size") || 128,
      inodes: numberField(dump, "Inode count"),
      blocks: numberField(dump, "Block count"),
      reservedBlocks: numberField(dump, "Reserved block count"),
      ...(journalBlocks > 0 ? { journalBlocks } : {}),
      features: features.filter((feature) => feature !== "needs_recovery" && feature !== "orphan_present"),
      mountOptions: [...words(dump, "Default mount options")],
      ...(errors === undefined ? {} : { errorsBehavior: errors }),
      ...(hashAlgorithm === "" ? {} : { hashAlgorithm }),
    },
    isDirty: features.includes("needs_recovery"),
    isDamaged: field(dump, "Filesystem state").includes("error"),
    ...(obstacle === undefined ? {} : { obstacle }),
  };
}
