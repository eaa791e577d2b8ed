import { type FileHandle, open } from "node:fs/promises";
import { KnownError, messageOf } from "../../host/errors.ts";
import type { Chunk, ChunkPool } from "./chunks.ts";
import { openDirectReading } from "./direct-io.ts";
import type { Window } from "./windows.ts";

/** A window with its bytes, which begin at `headRoom` of the chunk. The receiver releases the chunk. */
export interface FilledWindow {
  readonly window: Window;
  readonly chunk: Chunk;
}

export interface ReadOptions {
  /** Where on the device the windows' byte 0 lies. */
  readonly offset: number;
  readonly pool: ChunkPool;
  /** Bytes at the start of each chunk that are left alone. */
  readonly headRoom: number;
  /** How many windows are read at the same time. */
  readonly depth: number;
}

/**
 * Reads windows of a device past the page cache, several at once, and yields them in their order. Throws KnownError with
 * the place on a read error or when the device ends early.
 */
export async function* readWindows(
  device: string,
  windows: Iterable<Window>,
  options: ReadOptions,
): AsyncGenerator<FilledWindow, void, undefined> {
  const file = options.pool.isAligned ? await openDirectReading(device) : await open(device, "r");
  const underWay: Promise<FilledWindow>[] = [];
  const iterator = windows[Symbol.iterator]();
  const begin = (): void => {
    const next = iterator.next();
    if (next.done === true) return;
    const filled = fill(file, device, next.value, options);
    filled.catch(() => undefined); // thrown when its turn comes
    underWay.push(filled);
  };
  try {
    for (let i = 0; i < options.depth; i++) begin();
    for (let first = underWay.shift(); first !== undefined; first = underWay.shift()) {
      const filled = await first;
      begin();
      yield filled;
    }
  } finally {
    await Promise.allSettled(underWay);
    await file.close();
  }
}

async function fill(
  file: FileHandle,
  device: string,
  window: Window,
  { offset, pool, headRoom }: ReadOptions,
): Promise<FilledWindow> {
  const chunk = await pool.take();
  try {
    const length = window.end - window.start;
    await readFully(file, device, chunk.bytes.subarray(headRoom, headRoom + length), offset + window.start);
    return { window, chunk };
  } catch (error) {
    chunk.release();
    throw error;
  }
}

async function readFully(file: FileHandle, device: string, bytes: Buffer, position: number): Promise<void> {
  for (let done = 0; done < bytes.length;) {
    const { bytesRead } = await file
      .read(bytes, done, bytes.length - done, position + done)
      .catch((cause: unknown) => unreadable(device, position + done, position + bytes.length, cause));
    if (bytesRead === 0) throw new KnownError(`${device} ends early, at byte ${String(position + done)}`);
    done += bytesRead;
  }
}

// A request of several mebibytes fails as a whole: which part of it cannot be read is found by smaller ones.
async function unreadable(device: string, start: number, end: number, cause: unknown): Promise<never> {
  const place = await firstBadByte(device, start, end).catch(() => undefined);
  const where = place === undefined ? `between bytes ${String(start)} and ${String(end)}` : `at byte ${String(place)}`;
  throw new KnownError(`cannot read ${device} ${where}: ${messageOf(cause)}`, {
    hint: "the disk or what it lies on is failing: look at the kernel log, and restore an older backup or repair it",
    cause,
  });
}

async function firstBadByte(device: string, start: number, end: number): Promise<number | undefined> {
  const file = await open(device, "r");
  try {
    const block = Buffer.alloc(4096);
    for (let at = start; at < end; at += block.length) {
      try {
        await file.read(block, 0, Math.min(block.length, end - at), at);
      } catch {
        return at;
      }
    }
    return undefined;
  } finally {
    await file.close();
  }
}
