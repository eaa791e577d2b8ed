import { openBlockWriter, type Placed } from "../../devices/blocks/block-writer.ts";
import { createChunkPool } from "../../devices/blocks/chunks.ts";
import type { Extent } from "../../devices/blocks/extents.ts";
import { pieceLimit } from "../../devices/blocks/raw-blocks.ts";
import { readWindows } from "../../devices/blocks/read-windows.ts";
import { windowsOf } from "../../devices/blocks/windows.ts";
import type { Host } from "../../host/host.ts";
import { type BlockTarget, createPlacing } from "./place-blocks.ts";

const depth = 3;

export interface CopiedBlocks {
  /** Size of the filesystem. */
  readonly bytes: number;
  readonly used: readonly Extent[];
  /** What of them is copied; the rest is zeros. */
  readonly readable: readonly Extent[];
}

/**
 * Copies the used blocks of the filesystem in `file` to `target`. Returns what is held back of them, as receiveBlocks
 * does. Throws KnownError when either fails.
 */
export async function copyBlocks(
  host: Host,
  file: string,
  target: BlockTarget,
  { bytes, used, readable }: CopiedBlocks,
): Promise<Buffer> {
  const pool = createChunkPool(2 * depth + 1, pieceLimit);
  const zeros = await pool.take();
  zeros.bytes.fill(0);
  await using writer = await openBlockWriter(target.device, {
    offset: target.offset,
    zeros: zeros.bytes,
    isAligned: pool.isAligned,
  });
  const placing = createPlacing(host, target, writer, used);
  try {
    const windows = windowsOf(readable, { limit: pieceLimit, gap: 0 });
    for await (const { window, chunk } of readWindows(file, windows, { offset: 0, pool, headRoom: 0, depth })) {
      host.signal.throwIfAborted();
      const parts = window.parts.map(({ start, end }): Placed => {
        return { start, bytes: chunk.bytes.subarray(start - window.start, end - window.start) };
      });
      const written = placing.begin(parts);
      void written
        .catch(() => undefined)
        .then(() => {
          chunk.release();
        });
    }
    placing.end(bytes);
    await placing.done();
    return placing.held;
  } finally {
    await placing.settled();
  }
}
