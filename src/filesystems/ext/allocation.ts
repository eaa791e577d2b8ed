import { complement, type Extent } from "../../devices/blocks/extents.ts";
import type { Host } from "../../host/host.ts";
import { dumpGroups, freeExtents, numberField } from "./dumpe2fs.ts";

/** Where an ext2, ext3 or ext4 at rest keeps something, in bytes of its device. */
export interface Allocation {
  /** Size of the filesystem. */
  readonly bytes: number;
  readonly free: readonly Extent[];
  /** What of the inode tables holds no inode: whatever is read there, zeros mean the same. */
  readonly unusedInodes: readonly Extent[];
  /** What is not free, in bytes. */
  readonly usedBytes: number;
  /** Files of any kind. */
  readonly usedInodes: number;
}

/** Asks dumpe2fs(8). Throws CommandError where it cannot read the filesystem. */
export async function readExtAllocation(host: Host, device: string): Promise<Allocation> {
  return parseAllocation(await dumpGroups(host, device));
}

/** Parses the whole of dumpe2fs' text. */
export function parseAllocation(text: string): Allocation {
  const value = (name: string): number => numberField(text, name);
  const blockSize = value("Block size");
  const perBlock = blockSize / (value("Inode size") || 128);
  const perGroup = value("Inodes per group");
  const groups = text.matchAll(/^ {2}Inode table at (\d+)-\d+.*\n(?: {2}.*?, (\d+) unused inodes$)?/gm);
  return {
    bytes: value("Block count") * blockSize,
    free: freeExtents(text),
    unusedInodes: [...groups].flatMap(([, first = "", unused = "0"]) => {
      const start = Number(first) + Math.ceil((perGroup - Number(unused)) / perBlock);
      const end = Number(first) + Math.floor(perGroup / perBlock);
      return start < end ? [{ start: start * blockSize, end: end * blockSize }] : [];
    }),
    usedBytes: (value("Block count") - value("Free blocks")) * blockSize,
    usedInodes: value("Inode count") - value("Free inodes"),
  };
}

/** What is to be read of a filesystem of `bytes`, in order. */
export function readableExtents({ free, unusedInodes }: Allocation, bytes: number): readonly Extent[] {
  return complement([...free, ...unusedInodes], bytes);
}
