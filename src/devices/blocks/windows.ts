import type { Extent } from "./extents.ts";

/** A part of a device that is read or written by one request; what of it is wanted are its `parts`, in order. */
export interface Window extends Extent {
  readonly parts: readonly Extent[];
}

export interface WindowOptions {
  /** Largest window, in bytes. */
  readonly limit: number;
  /** Up to this many bytes between two parts are read along: less than another request costs. */
  readonly gap: number;
}

/** Covers `extents`, which ascend and do not overlap, with windows in their order. */
export function* windowsOf(
  extents: Iterable<Extent>,
  { limit, gap }: WindowOptions,
): Generator<Window, void, undefined> {
  let parts: Extent[] = [];
  let start = 0;
  let end = 0;
  for (const extent of extents) {
    for (let at = extent.start; at < extent.end;) {
      if (parts.length > 0 && (at - end > gap || at - start >= limit)) {
        yield { start, end, parts };
        parts = [];
      }
      if (parts.length === 0) start = at;
      end = Math.min(extent.end, start + limit);
      parts.push({ start: at, end });
      at = end;
    }
  }
  if (parts.length > 0) yield { start, end, parts };
}
