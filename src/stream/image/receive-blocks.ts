import { openBlockWriter } from "../../devices/blocks/block-writer.ts";
import { createChunkPool } from "../../devices/blocks/chunks.ts";
import type { Extent } from "../../devices/blocks/extents.ts";
import { pieceLimit } from "../../devices/blocks/raw-blocks.ts";
import { startDigester } from "../../host/files/digester.ts";
import type { Host } from "../../host/host.ts";
import type { ImageReader } from "./image-reader.ts";
import { type BlockTarget, createPlacing } from "./place-blocks.ts";
import { readPiece } from "./read-piece.ts";
import { mapLimit } from "./sparse-member.ts";

const chunkCount = 6;

/**
 * Receives the pieces of a filesystem, writes them to their places and zeros to what is used and did not come. Returns the
 * first bytes of it (see {@link createPlacing}), which were not written, once every digest was compared. `used`: its used
 * blocks. Throws KnownError for a damaged stream and when the device fails.
 */
export async function receiveBlocks(
  host: Host,
  target: BlockTarget,
  reader: ImageReader,
  used: readonly Extent[],
): Promise<Buffer> {
  const pool = createChunkPool(chunkCount, mapLimit + pieceLimit);
  await using digester = startDigester(pool.memory);
  const zeroChunk = await pool.take();
  zeroChunk.bytes.fill(0);
  await using writer = await openBlockWriter(target.device, {
    offset: target.offset,
    zeros: zeroChunk.bytes,
    isAligned: pool.isAligned,
  });
  const placing = createPlacing(host, target, writer, used);
  try {
    let end = 0;
    for (let received = await reader.nextMember(); received !== undefined; received = await reader.nextMember()) {
      host.signal.throwIfAborted();
      const chunk = await pool.take();
      const piece = await readPiece(reader, received, chunk.bytes, end);
      const digest = digester.sha256(piece.content);
      reader.digest(digest);
      const written = placing.begin(piece.parts);
      void Promise.allSettled([digest, written]).then(() => {
        chunk.release();
      });
      end = piece.end;
    }
    placing.end(reader.manifest.image?.bytes ?? 0);
    await placing.done();
    await reader.finish();
    return placing.held;
  } finally {
    await placing.settled();
  }
}
