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
