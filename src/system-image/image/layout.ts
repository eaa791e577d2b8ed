import type { FileHandle } from "node:fs/promises";
import { extFeatures, freeBlocks, numberField } from "../../filesystems/ext/dumpe2fs.ts";
import { complement } from "../../devices/blocks/extents.ts";
import { blocksPerGroup, imageBlockSize } from "./geometry.ts";

/** Consecutive blocks. */
export type Extent = [first: number, count: number];

/** What a filesystem consists of besides its free blocks; ascending. */
export interface ImageLayout {
  /** All that is not below: what tune2fs(8) and resize2fs(8) read and change. */
  readonly structure: Extent[];
  /** Long stretches of nothing but the contents of regular files. */
  readonly contents: Extent[];
  /** Long runs of zeros, which are in use as well. */
  readonly zeros: Extent[];
}

/** Gaps below it, in blocks, are part of the image: to discard each would take longer than to write it. */
const leastGap = 512;

/**
 * Contents begin and end at multiples of it, in bytes. They are written past the page cache while tools write what lies
 * beside them through it: where the two meet in one folio of the cache, both get EIO. A folio is a huge page at most, of
 * 2 MiB where pages have 4 KiB.
 */
export const contentsAlignment = 2 * 1024 * 1024;

/** Shorter runs of zeros, in blocks, are written like anything else: to clear each takes a command. */
const leastZeros = 256;

/**
 * Says where everything lies in the filesystem of `blocks` blocks in `raw`, from what dumpe2fs prints of it and the
 * extents of its files. What is not known to be a file's is structure.
 */
export async function layOutImage(
  raw: FileHandle,
  dump: string,
  blocks: number,
  files: readonly Extent[],
): Promise<ImageLayout> {
  const strictlyUsed = usedExtents(dump, blocks);
  const used = mergeExtents(strictlyUsed, leastGap);
  // Where a file was deleted since it was listed, a tool may find room for something else.
  const contents = aligned(common(files, strictlyUsed, blocks));
  const rest = without(used, contents, blocks);
  const zeros = (await zeroRuns(raw, rest)).filter(([, count]) => count >= leastZeros);
  return { structure: without(rest, zeros, blocks), contents, zeros };
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

const leafLine = /^ *(\d+)\/ *(\d+) +\d+\/ *\d+ +\d+ - +\d+ +(\d+) - +(\d+) +(\d+) *$/;

/**
 * Where files have their contents, in ascending order, from the lines that debugfs's `ex -l` prints for each:
 * `level/depth entry/entries firstLogical - lastLogical firstPhysical - lastPhysical length flags`. Extents with a flag
 * (not written yet) and files without extents (ext2, ext3) are left out.
 */
export async function fileExtents(lines: AsyncIterable<string>): Promise<Extent[]> {
  const found: Extent[] = [];
  for await (const line of lines) {
    const [, level, depth, first, last, count] = (leafLine.exec(line) ?? []).map(Number);
    if (first === undefined || last === undefined || level !== depth || last - first + 1 !== count) continue;
    // Files mostly follow each other: a list of all of them would be long.
    const previous = found.at(-1);
    if (previous !== undefined && previous[0] + previous[1] === first) previous[1] += count;
    else found.push([first, count]);
  }
  // Each name of a file counts: one with two names is here twice.
  return union(found);
}

/**
 * Largest size in bytes to which resize2fs lets the filesystem grow without moving a block: as long as the group
 * descriptors fit into the blocks reserved for them (blocks_to_move() in its resize2fs.c). 0 when there are none.
 */
export function roomToGrow(dump: string): number {
  const features = extFeatures(dump);
  // meta_bg keeps descriptors elsewhere, sparse_super2 a backup in the last group, which is another one then.
  if (!features.has("resize_inode") || features.has("meta_bg") || features.has("sparse_super2")) return 0;
  const perBlock = imageBlockSize / (numberField(dump, "Group descriptor size") || 32);
  const groups = Math.ceil(numberField(dump, "Block count") / blocksPerGroup);
  const descriptorBlocks = Math.ceil(groups / perBlock) + numberField(dump, "Reserved GDT blocks");
  return descriptorBlocks * perBlock * blocksPerGroup * imageBlockSize;
}

function aligned(extents: readonly Extent[]): Extent[] {
  const unit = contentsAlignment / imageBlockSize;
  return extents
    .map(([first, count]): Extent => {
      const start = Math.ceil(first / unit) * unit;
      return [start, Math.floor((first + count) / unit) * unit - start];
    })
    .filter(([, count]) => count > 0);
}

function union(extents: readonly Extent[]): Extent[] {
  const end = extents.reduce((last, [first, count]) => Math.max(last, first + count), 0);
  return without([[0, end]], without([[0, end]], extents, end), end);
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

/** What of `extents`, which are below `blocks`, is not in `others`. */
function without(extents: readonly Extent[], others: readonly Extent[], blocks: number): Extent[] {
  const rest = complement(extents.map(span), blocks);
  return complement([...rest, ...others.map(span)], blocks).map(({ start, end }) => [start, end - start]);
}

function common(extents: readonly Extent[], others: readonly Extent[], blocks: number): Extent[] {
  return without(extents, without([[0, blocks]], others, blocks), blocks);
}

function span([start, count]: Extent): { start: number; end: number } {
  return { start, end: start + count };
}
