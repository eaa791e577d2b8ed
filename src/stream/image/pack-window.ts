import type { Window } from "../../devices/blocks/windows.ts";
import type { Extent } from "../../devices/blocks/extents.ts";
import { encodeMap } from "./sparse-member.ts";

/** What of a window is not zero: a sparse member's map and data. */
export interface PackedWindow {
  /** Where the member's file begins, in bytes of the filesystem. */
  readonly offset: number;
  readonly realSize: number;
  /** A part of the memory that was given. */
  readonly content: Buffer;
}

// Zeros are left out in units of this size, at multiples of it.
const unit = 64 * 1024;
const zeroUnit = Buffer.alloc(unit);

/**
 * Packs the parts of a window, whose bytes begin at `headRoom` of `memory`, in place: what is zero or no part is dropped,
 * and the map is put before the rest. Undefined when all of it is zero.
 */
export function packWindow(window: Window, memory: Buffer, headRoom: number): PackedWindow | undefined {
  const at = (offset: number): number => headRoom + offset - window.start;
  const extents = window.parts.flatMap((part) => nonZeroExtents(memory, part, at));
  const first = extents[0];
  const last = extents.at(-1);
  if (first === undefined || last === undefined) return undefined;
  let end = headRoom;
  for (const { start, end: stop } of extents) {
    if (at(start) !== end) memory.copyWithin(end, at(start), at(stop));
    end += stop - start;
  }
  const map = encodeMap(
    extents.map(({ start, end: stop }) => ({ start: start - first.start, end: stop - first.start })),
  );
  map.copy(memory, headRoom - map.length);
  return {
    offset: first.start,
    realSize: last.end - first.start,
    content: memory.subarray(headRoom - map.length, end),
  };
}

function nonZeroExtents(memory: Buffer, part: Extent, at: (offset: number) => number): Extent[] {
  const extents: Extent[] = [];
  let begin: number | undefined;
  for (let start = part.start; start < part.end;) {
    const end = Math.min(part.end, start - (start % unit) + unit);
    const isZero = memory.compare(zeroUnit, 0, end - start, at(start), at(end)) === 0;
    if (!isZero) begin ??= start;
    else if (begin !== undefined) {
      extents.push({ start: begin, end: start });
      begin = undefined;
    }
    start = end;
  }
  if (begin !== undefined) extents.push({ start: begin, end: part.end });
  return extents;
}
