import { type FileHandle, open } from "node:fs/promises";
import type { Owned } from "../../host/disposal.ts";
import { KnownError, messageOf } from "../../host/errors.ts";
import { openDirect } from "./direct-io.ts";
import type { Extent } from "./extents.ts";
import { writeErrorHint } from "./sync.ts";

/** Bytes and where they go, in bytes from where the writer begins. */
export interface Placed {
  readonly start: number;
  readonly bytes: Uint8Array;
}

/** Writes pieces to a device past the page cache, several at once. */
export interface BlockWriter extends Owned {
  /**
   * Writes pieces that ascend; small gaps between them are filled with zeros, for one request instead of two. Resolves
   * when all is written; the bytes must stay as they are until then. Throws KnownError when the device fails.
   */
  write(pieces: readonly Placed[]): Promise<void>;
  /** Writes zeros. */
  zero(extent: Extent): Promise<void>;
}

export interface BlockWriterOptions {
  /** Where on the device its byte 0 lies. */
  readonly offset: number;
  /** Zeros at a page boundary. */
  readonly zeros: Uint8Array;
  /** Whether what is written begins at page boundaries, as O_DIRECT demands, or at multiples of a sector behind one. */
  readonly isAligned: boolean;
}

// Zeros that cost less than another request.
const worthwhileGap = 64 * 1024;
// IOV_MAX of Linux.
const mostBuffers = 1000;

/** Opens a device or file for writing. */
export async function openBlockWriter(device: string, options: BlockWriterOptions): Promise<BlockWriter> {
  const { offset, zeros, isAligned } = options;
  const file = isAligned ? await openDirect(device) : await open(device, "r+");
  return {
    async write(pieces) {
      for (const { start, buffers } of requestsOf(pieces, zeros))
        await writeFully(file, device, buffers, offset + start);
    },
    async zero({ start, end }) {
      for (let at = start; at < end; at += zeros.length) {
        await writeFully(file, device, [zeros.subarray(0, Math.min(zeros.length, end - at))], offset + at);
      }
    },
    [Symbol.asyncDispose]: () => file.close(),
  };
}

interface Request {
  readonly start: number;
  readonly buffers: readonly Uint8Array[];
}

/** Joins pieces that lie close to each other. Exported for tests. */
export function* requestsOf(pieces: readonly Placed[], zeros: Uint8Array): Generator<Request, void, undefined> {
  let start = 0;
  let end = 0;
  let buffers: Uint8Array[] = [];
  for (const piece of pieces) {
    const gap = piece.start - end;
    if (buffers.length > 0 && (gap > Math.min(worthwhileGap, zeros.length) || buffers.length >= mostBuffers)) {
      yield { start, buffers };
      buffers = [];
    }
    if (buffers.length === 0) start = piece.start;
    else if (gap > 0) buffers.push(zeros.subarray(0, gap));
    buffers.push(piece.bytes);
    end = piece.start + piece.bytes.length;
  }
  if (buffers.length > 0) yield { start, buffers };
}

async function writeFully(
  file: FileHandle,
  device: string,
  buffers: readonly Uint8Array[],
  position: number,
): Promise<void> {
  let rest = buffers;
  let at = position;
  while (rest.length > 0) {
    const { bytesWritten } = await file.writev(rest, at).catch((cause: unknown) => {
      throw new KnownError(`cannot write to ${device}: ${messageOf(cause)}`, { hint: writeErrorHint, cause });
    });
    if (bytesWritten === 0) throw new KnownError(`cannot write to ${device}: it takes no more at byte ${String(at)}`);
    at += bytesWritten;
    rest = without(rest, bytesWritten);
  }
}

function without(buffers: readonly Uint8Array[], written: number): readonly Uint8Array[] {
  let left = written;
  return buffers.flatMap((buffer) => {
    const skipped = Math.min(left, buffer.length);
    left -= skipped;
    return skipped === buffer.length ? [] : [buffer.subarray(skipped)];
  });
}
