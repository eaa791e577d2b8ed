import { type BlockWriter, openBlockWriter, type Placed } from "../../devices/blocks/block-writer.ts";
import { createExtentCursor, type Extent } from "../../devices/blocks/extents.ts";
import { emptyRanges } from "../../devices/blocks/wipe.ts";
import type { Host } from "../../host/host.ts";
import { damaged } from "../format/stream-reader.ts";

/** Where the blocks of a filesystem go. */
export interface BlockTarget {
  readonly device: string;
  /** Where on it the filesystem begins, in bytes. */
  readonly offset: number;
  /** It is a new sparse file: what is not written is zero. */
  readonly isZero: boolean;
}

/** The start of a filesystem with its superblock (ext: byte 1024), which is held back: without it, nothing mounts. */
export const heldBytes = 4096;

/** Blocks of a filesystem on their way to a device, several at once. */
export interface Placing {
  readonly held: Buffer;
  /** Begins to write parts; throws what an earlier write failed with. */
  begin(parts: readonly Placed[]): Promise<void>;
  /** Begins to write zeros up to the end of the filesystem. */
  end(bytes: number): void;
  /** Resolves when all is written, rejects as the first that failed. */
  done(): Promise<void>;
  /** Resolves when nothing is under way any more. */
  settled(): Promise<void>;
}

// From here on a process that has the device make the zeros costs less than sending them.
const manyBytes = 16 * 1024 * 1024;

type Zeroing = (extent: Extent) => Promise<void>;

function zeroingOf(host: Host, { device, offset, isZero }: BlockTarget, writer: BlockWriter): Zeroing {
  return async ({ start: first, end }) => {
    const start = Math.max(first, heldBytes);
    if (isZero || start >= end) return;
    if (end - start < manyBytes) await writer.zero({ start, end });
    else await emptyRanges(host, device, { zeros: [[offset + start, end - start]], discarded: [] });
  };
}

/**
 * Places blocks on `target`, and zeros on what of `used` does not come. The first {@link heldBytes} there are left alone.
 */
export function createPlacing(host: Host, target: BlockTarget, writer: BlockWriter, used: readonly Extent[]): Placing {
  const zero = zeroingOf(host, target, writer);
  const held = Buffer.alloc(heldBytes);
  const cursor = createExtentCursor(used);
  const underWay = new Set<Promise<void>>();
  let failure: unknown;
  let last = 0;
  const track = (work: Promise<void>): Promise<void> => {
    const tracked = work.finally(() => underWay.delete(tracked));
    underWay.add(tracked);
    tracked.catch((error: unknown) => {
      failure ??= error;
    });
    return tracked;
  };
  const throwFailure = (): void => {
    if (failure !== undefined) throw failure as Error;
  };
  const zeroUntil = (start: number): void => {
    for (const extent of cursor.within({ start: last, end: start })) track(zero(extent)).catch(() => undefined);
  };
  return {
    held,
    begin(parts) {
      throwFailure();
      for (const { start, bytes } of parts) {
        zeroUntil(start);
        last = start + bytes.length;
        requireUsed(cursor.within({ start, end: last }), { start, end: last });
      }
      return track(writer.write(parts.flatMap((part) => withoutHeld(part, held))));
    },
    end(bytes) {
      zeroUntil(bytes);
    },
    async done() {
      while (underWay.size > 0) await Promise.allSettled([...underWay]);
      throwFailure();
    },
    async settled() {
      while (underWay.size > 0) await Promise.allSettled([...underWay]);
    },
  };
}

function requireUsed(found: readonly Extent[], { start, end }: Extent): void {
  if (found.length === 1 && found[0]?.start === start && found[0].end === end) return;
  throw damaged(`it has a block at byte ${String(start)} that its list of used blocks does not know`);
}

function withoutHeld({ start, bytes }: Placed, held: Buffer): readonly Placed[] {
  if (start >= heldBytes) return [{ start, bytes }];
  const length = Math.min(heldBytes - start, bytes.length);
  held.set(bytes.subarray(0, length), start);
  return length === bytes.length ? [] : [{ start: start + length, bytes: bytes.subarray(length) }];
}

/** Writes what was held back, from byte `from` on: with the superblock the device has a filesystem. */
export async function writeHeld(target: BlockTarget, held: Buffer, from = 0): Promise<void> {
  await using writer = await openBlockWriter(target.device, {
    offset: target.offset,
    zeros: Buffer.alloc(heldBytes),
    isAligned: false,
  });
  await writer.write([{ start: from, bytes: held.subarray(from) }]);
}
