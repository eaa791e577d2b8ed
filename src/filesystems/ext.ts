import type { Host } from "../host/host.ts";
import { capture } from "../host/run.ts";
import type { Inspection } from "./inspect.ts";
import type { FilesystemFacts } from "../stream/format/manifest.ts";

export type ExtFacts = FilesystemFacts & { readonly type: "ext2" | "ext3" | "ext4" };

// What a tar cannot carry, by the superblock's feature: keys, Merkle trees, the case rule of directories, quota limits.
const obstacles: Readonly<Record<string, string>> = {
  encrypt: "encrypted directories (fscrypt)",
  verity: "files sealed by fs-verity",
  casefold: "directories that ignore case (casefold)",
  quota: "disk quotas",
};

/** Reads the superblock of ext2, ext3 or ext4. */
export async function inspectExt(host: Host, device: string, type: ExtFacts["type"]): Promise<Inspection> {
  return parseExt(await capture(host, ["dumpe2fs", "-h", device]), type);
}

/** Parses `dumpe2fs -h`. */
export function parseExt(text: string, type: ExtFacts["type"]): Inspection {
  const value = (name: string): string => new RegExp(`^${name}:\\s*(.*)$`, "m").exec(text)?.[1]?.trim() ?? "";
  const features = words(value("Filesystem features"));
  const journalBlocks = Number(value("Total journal blocks"));
  const errors = { Continue: "continue", "Remount read-only": "remount-ro", Panic: "panic" }[value("Errors behavior")];
  const hashAlgorithm = value("Default directory hash");
  const facts: ExtFacts = {
    type,
    uuid: value("Filesystem UUID"),
    label: value("Filesystem volume name") === "<none>" ? "" : value("Filesystem volume name"),
    blockSize: Number(value("Block size")),
    inodeSize: Number(value("Inode size") || 128),
    inodes: Number(value("Inode count")),
    blocks: Number(value("Block count")),
    reservedBlocks: Number(value("Reserved block count")),
    ...(journalBlocks > 0 ? { journalBlocks } : {}),
    features: features.filter((feature) => feature !== "needs_recovery" && feature !== "orphan_present"),
    mountOptions: words(value("Default mount options")),
    ...(errors === undefined ? {} : { errorsBehavior: errors }),
    ...(hashAlgorithm === "" ? {} : { hashAlgorithm }),
  };
  const obstacle = features.map((feature) => obstacles[feature]).find((found) => found !== undefined);
  const isDamaged = value("Filesystem state").includes("error");
  return {
    facts,
    isDirty: features.includes("needs_recovery"),
    isDamaged,
    ...(obstacle === undefined ? {} : { obstacle }),
  };
}

function words(text: string): string[] {
  return text.split(/\s+/).filter((word) => word !== "" && word !== "(none)");
}
