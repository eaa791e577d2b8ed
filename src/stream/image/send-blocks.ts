import { createChunkPool } from "../../devices/blocks/chunks.ts";
import type { Extent } from "../../devices/blocks/extents.ts";
import { pieceLimit } from "../../devices/blocks/raw-blocks.ts";
import { readWindows } from "../../devices/blocks/read-windows.ts";
import { windowsOf } from "../../devices/blocks/windows.ts";
import { startDigester } from "../../host/files/digester.ts";
import type { Host } from "../../host/host.ts";
import { blocksName } from "../format/member-names.ts";
import type { ImageWriter } from "./image-writer.ts";
import { packWindow } from "./pack-window.ts";
import { mapLimit } from "./sparse-member.ts";

/** Chunks in use at the same time: those being read, one being written, and those whose digest is being made. */
const depth = 4;
const chunkCount = depth + 3;

// What is read in less time than another request takes.
const worthwhileGap = 128 * 1024;

/**
 * Reads parts of a device in the order of the disk, with several large requests at once, and sends what of them is not
 * zero. `offset`: where the filesystem begins on the device; `extents` count from there. Throws KnownError with the place
 * of a read error.
 */
export async function sendBlocks(
  host: Host,
  device: string,
  offset: number,
  extents: readonly Extent[],
  writer: ImageWriter,
): Promise<void> {
  const headRoom = mapLimit;
  const pool = createChunkPool(chunkCount, headRoom + pieceLimit);
  await using digester = startDigester(pool.memory);
  const windows = windowsOf(extents, { limit: pieceLimit, gap: worthwhileGap });
  let last: Promise<string> | undefined;
  for await (const { window, chunk } of readWindows(device, windows, { offset, pool, headRoom, depth })) {
    host.signal.throwIfAborted();
    const packed = packWindow(window, chunk.bytes, headRoom);
    if (packed === undefined) {
      chunk.release();
      continue;
    }
    const { content, realSize } = packed;
    const digest = digester.sha256(content);
    last = digest;
    const sent = writer.piece({ name: blocksName(packed.offset), content, realSize, digest });
    void Promise.allSettled([digest, sent]).then(() => {
      chunk.release();
    });
    await sent;
  }
  // The thread answers in the order it was asked: then it has no more to do.
  await last;
}
