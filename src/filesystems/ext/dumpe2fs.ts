import type { Extent } from "../../devices/blocks/extents.ts";
import type { Host } from "../../host/host.ts";
import { capture } from "../../host/process/run.ts";

// What dumpe2fs(8) prints of ext2, ext3 and ext4 is read here and nowhere else; `show_super_stats` of debugfs(8) prints
// the same.

/** The superblock in dumpe2fs' words. Throws CommandError where there is none that it can read. */
export async function dumpSuperblock(host: Host, device: string): Promise<string> {
  return await capture(host, ["dumpe2fs", "-h", device]);
}

/** The superblock and each block group in dumpe2fs' words. Throws CommandError where there are none that it can read. */
export async function dumpGroups(host: Host, device: string): Promise<string> {
  return await capture(host, ["dumpe2fs", device]);
}

/** A field of the superblock, by the name that dumpe2fs gives it; empty where it is not there. */
export function field(dump: string, name: string): string {
  return new RegExp(`^${name}:[ \\t]*(.*)$`, "m").exec(dump)?.[1]?.trim() ?? "";
}

/** A field that is a number; 0 where it is not there. */
export function numberField(dump: string, name: string): number {
  const number = Number(field(dump, name));
  return Number.isFinite(number) ? number : 0;
}

/** A field that is a list of words. */
export function words(dump: string, name: string): readonly string[] {
  return field(dump, name)
    .split(/\s+/)
    .filter((word) => word !== "" && word !== "(none)");
}

/** The features, as mke2fs -O names them. */
export function extFeatures(dump: string): ReadonlySet<string> {
  return new Set(words(dump, "Filesystem features"));
}

/** Percentage of blocks reserved for root, to the hundredth. */
export function reservedShare(dump: string): number {
  return Math.round((10_000 * numberField(dump, "Reserved block count")) / numberField(dump, "Block count")) / 100;
}

/**
 * The free blocks by the filesystem's own bitmaps, from the lines `  Free blocks: 12-34, 56` of each group: `end` is the
 * first block that is not free.
 */
export function freeBlocks(dump: string): readonly Extent[] {
  return [...dump.matchAll(/^ +Free blocks: (.*)$/gm)].flatMap(([, list = ""]) =>
    [...list.matchAll(/(\d+)(?:-(\d+))?/g)].map(([, first = "", last = first]) => ({
      start: Number(first),
      end: Number(last) + 1,
    })),
  );
}

/** The same in bytes from the start of the device. */
export function freeExtents(dump: string): readonly Extent[] {
  const blockSize = numberField(dump, "Block size");
  return freeBlocks(dump).map(({ start, end }) => ({ start: start * blockSize, end: end * blockSize }));
}
