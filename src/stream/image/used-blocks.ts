import type { Extent } from "../../devices/blocks/extents.ts";
import { damaged } from "../format/stream-reader.ts";

/** Most extents that a list holds. A filesystem with more gives up its smallest gaps. */
export const extentLimit = 250_000;
/** Most bytes of the list. */
export const usedBlocksLimit = extentLimit * 34;

/**
 * At most {@link extentLimit} extents that cover `used`, which ascend: where there are more, the smallest gaps are taken
 * along.
 */
export function boundedExtents(used: readonly Extent[], limit = extentLimit): readonly Extent[] {
  let bounded = used;
  for (let gap = 4096; bounded.length > limit; gap *= 2) bounded = joined(used, gap);
  return bounded;
}

function joined(extents: readonly Extent[], gap: number): readonly Extent[] {
  const result: Extent[] = [];
  for (const extent of extents) {
    const last = result.at(-1);
    if (last !== undefined && extent.start - last.end <= gap) {
      result[result.length - 1] = { start: last.start, end: extent.end };
    } else result.push(extent);
  }
  return result;
}

/** The list as a member's content: `START LENGTH` in bytes of the filesystem, a line each, ascending. */
export function encodeUsedBlocks(extents: readonly Extent[]): Buffer {
  return Buffer.from(extents.map(({ start, end }) => `${String(start)} ${String(end - start)}\n`).join(""));
}

/**
 * Reads the list. Throws KnownError for one that is damaged: not in order, overlapping, not made of whole blocks of
 * `blockSize`, or beyond `bytes`, the size of the filesystem.
 */
export function decodeUsedBlocks(content: Buffer, blockSize: number, bytes: number): readonly Extent[] {
  const lines = content.toString("latin1").split("\n");
  if (lines.pop() !== "" || lines.length === 0 || lines.length > extentLimit) throw wrong("cannot be read");
  let end = -1;
  return lines.map((line, index) => {
    const [, first, length] = /^(0|[1-9]\d{0,14}) ([1-9]\d{0,14})$/.exec(line) ?? [];
    if (first === undefined || length === undefined) throw wrong(`cannot be read at line ${String(index + 1)}`);
    const extent = { start: Number(first), end: Number(first) + Number(length) };
    if (extent.start % blockSize !== 0 || extent.end % blockSize !== 0 || extent.end > bytes || extent.start <= end)
      throw wrong(`contradicts itself at line ${String(index + 1)}`);
    end = extent.end;
    return extent;
  });
}

function wrong(how: string): Error {
  return damaged(`its list of used blocks ${how}`);
}
