/** A range of bytes from `start` up to, but without, `end`. */
export interface Extent {
  readonly start: number;
  readonly end: number;
}

/** The gaps in 0..`length` that no extent covers, in order. The extents may overlap and come in any order. */
export function complement(extents: readonly Extent[], length: number): readonly Extent[] {
  const gaps: Extent[] = [];
  let at = 0;
  for (const { start, end } of [...extents].sort((a, b) => a.start - b.start)) {
    if (start >= length) break;
    if (start > at) gaps.push({ start: at, end: start });
    at = Math.max(at, end);
  }
  if (at < length) gaps.push({ start: at, end: length });
  return gaps;
}

/** `extents` moved by `offset`. */
export function shifted(extents: readonly Extent[], offset: number): readonly Extent[] {
  return extents.map(({ start, end }) => ({ start: start + offset, end: end + offset }));
}

/** The bytes in `extents`, which must not overlap. */
export function totalBytes(extents: readonly Extent[]): number {
  return extents.reduce((sum, { start, end }) => sum + end - start, 0);
}

/** Finds what lies in extents, while going along them. */
export interface ExtentCursor {
  /** What of `range` the extents cover. Each range must begin behind the end of the one before. */
  within(range: Extent): readonly Extent[];
}

/** Walks along `extents`, which ascend and do not overlap. */
export function createExtentCursor(extents: readonly Extent[]): ExtentCursor {
  let index = 0;
  return {
    within({ start, end }) {
      const found: Extent[] = [];
      if (start >= end) return found;
      for (let extent = extents[index]; extent !== undefined && extent.start < end; extent = extents[index]) {
        if (extent.end > start) found.push({ start: Math.max(start, extent.start), end: Math.min(end, extent.end) });
        if (extent.end > end) break;
        index += 1;
      }
      return found;
    },
  };
}
