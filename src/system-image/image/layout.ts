import type { FileHandle } from "node:fs/promises";
import { freeBlocks } from "../../filesystems/ext/dumpe2fs.ts";
import { complement } from "../../devices/blocks/extents.ts";
import { imageBlockSize } from "./geometry.ts";

/** Consecutive blocks. */
export type Extent = [first: number, count: number];

/** What a filesystem consists of besides its free blocks; ascending. */
export interface ImageLayout {
  /** The blocks that are in the image. */
  readonly blocks: Extent[];
  /** Long runs of zeros, which are in use as well. */
  readonly zeros: Extent[];
}

/** Gaps below it, in blocks, are part of the image: to discard each would take longer than to write it. */
const leastGap = 512;

/** Shorter runs of zeros, in blocks, are written like anything else: to clear each takes a command. */
const leastZeros = 256;

/** Finds where everything lies in the filesystem of `count` blocks in `raw`, from what dumpe2fs prints of it. */
export async function layOutImage(raw: FileHandle, dump: string, count: number): Promise<ImageLayout> {
  const used = mergeExtents(usedExtents(dump, count), leastGap);
  const zeros = (await zeroRuns(raw, used)).filter(([, length]) => length >= leastZeros);
  return { blocks: without(used, zeros, count), zeros };
}

/**
 * The used blocks by the filesystem's own bitmaps, from what dumpe2fs prints. Nothing else tells:
 * blocks of zeros may be in use (SEEK_DATA and dd conv=sparse lose files), and holes of the file may have been used.
 */
export function usedExtents(dump: string, blocks: number): Extent[] {
  const free = freeBlocks(dump).map(({ start, end }): Extent => [start, end - start]);
  return without([[0, blocks]], free, blocks);
}

/** The extents with gaps of fewer than `gap` blocks filled. What a free block holds was never another guest's. */
export function mergeExtents(extents: readonly Extent[], gap: number): Extent[] {
  const merged: Extent[] = [];
  for (const [first, count] of extents) {
    const last = merged.at(-1);
    if (last !== undefined && first - (last[0] + last[1]) < gap) last[1] = first + count - last[0];
    else merged.push([first, count]);
  }
  return merged;
}

const blocksAtOnce = 256;
const zeroBlock = Buffer.alloc(imageBlockSize);

async function zeroRuns(raw: FileHandle, extents: readonly Extent[]): Promise<Extent[]> {
  const runs: Extent[] = [];
  const buffer = Buffer.alloc(blocksAtOnce * imageBlockSize);
  for (const [first, count] of extents) {
    for (let done = 0; done < count; done += blocksAtOnce) {
      const length = Math.min(blocksAtOnce, count - done) * imageBlockSize;
      const { bytesRead } = await raw.read(buffer, 0, length, (first + done) * imageBlockSize);
      for (let at = 0; at + imageBlockSize <= bytesRead; at += imageBlockSize) {
        if (buffer.compare(zeroBlock, 0, imageBlockSize, at, at + imageBlockSize) === 0)
          runs.push([first + done + at / imageBlockSize, 1]);
      }
    }
  }
  return mergeExtents(runs, 1);
}

/** The part of `extents`, which are below `blocks`, that is not in `others`. */
function without(extents: readonly Extent[], others: readonly Extent[], blocks: number): Extent[] {
  const rest = complement(extents.map(span), blocks);
  return complement([...rest, ...others.map(span)], blocks).map(({ start, end }) => [start, end - start]);
}

function span([start, count]: Extent): { start: number; end: number } {
  return { start, end: start + count };
}
