import { type FileHandle, open } from "node:fs/promises";
import { KnownError, messageOf } from "../../host/errors.ts";
import { complement, type Extent } from "./extents.ts";

/** A run of bytes of a disk that are not all zero; `offset` from the start of what is read. */
export interface Piece {
  readonly offset: number;
  readonly bytes: Buffer;
}

/** Largest piece. */
export const pieceLimit = 4 * 1024 * 1024;

// Zeros are left out in units of this size, at multiples of it.
const unit = 64 * 1024;
const zeroUnit = Buffer.alloc(unit);

/**
 * Reads `range` of a device and yields, in order, the pieces that are neither free nor zero. `free` and the pieces'
 * offsets count from the start of the range. Throws KnownError on a read error or a device that ends early.
 */
export async function* readPieces(
  device: string,
  range: Extent,
  free: readonly Extent[],
): AsyncGenerator<Piece, void, undefined> {
  const file = await open(device, "r");
  try {
    const buffer = Buffer.allocUnsafeSlow(pieceLimit);
    for (const { start, end } of complement(free, range.end - range.start)) {
      for (let at = start; at < end;) {
        const wanted = Math.min(end - at, pieceLimit - (at % unit));
        const bytes = buffer.subarray(0, wanted);
        await readFully(file, device, bytes, range.start + at);
        yield* nonZero(bytes, at);
        at += wanted;
      }
    }
  } finally {
    await file.close();
  }
}

/** Reads `length` bytes of a device. Throws KnownError on a read error or when it ends early. */
export async function readBlocks(device: string, start: number, length: number): Promise<Buffer> {
  const file = await open(device, "r");
  try {
    const bytes = Buffer.alloc(length);
    await readFully(file, device, bytes, start);
    return bytes;
  } finally {
    await file.close();
  }
}

/** Writes bytes to a device. Throws KnownError on a write error. */
export async function writeBlocks(device: string, start: number, bytes: Buffer): Promise<void> {
  const file = await open(device, "r+");
  try {
    for (let done = 0; done < bytes.length;) {
      done += (await file.write(bytes, done, bytes.length - done, start + done)).bytesWritten;
    }
  } catch (cause) {
    throw new KnownError(`cannot write to ${device}: ${messageOf(cause)}`, { cause });
  } finally {
    await file.close();
  }
}

async function readFully(file: FileHandle, device: string, bytes: Buffer, position: number): Promise<void> {
  for (let done = 0; done < bytes.length;) {
    const { bytesRead } = await file.read(bytes, done, bytes.length - done, position + done).catch((cause: unknown) => {
      throw new KnownError(`cannot read ${device} at byte ${String(position + done)}: ${messageOf(cause)}`, { cause });
    });
    if (bytesRead === 0) throw new KnownError(`${device} ends early, at byte ${String(position + done)}`);
    done += bytesRead;
  }
}

// The first unit may be short, so that the following ones lie at multiples of the unit.
function* nonZero(bytes: Buffer, offset: number): Generator<Piece, void, undefined> {
  let begin: number | undefined;
  for (let at = 0; at < bytes.length;) {
    const end = Math.min(bytes.length, at + unit - ((offset + at) % unit));
    const isZero = bytes.compare(zeroUnit, 0, end - at, at, end) === 0;
    if (isZero && begin !== undefined) {
      yield { offset: offset + begin, bytes: bytes.subarray(begin, at) };
      begin = undefined;
    } else if (!isZero) begin ??= at;
    at = end;
  }
  if (begin !== undefined) yield { offset: offset + begin, bytes: bytes.subarray(begin) };
}
