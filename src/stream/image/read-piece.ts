import type { Placed } from "../../devices/blocks/block-writer.ts";
import type { Extent } from "../../devices/blocks/extents.ts";
import { pieceLimit } from "../../devices/blocks/raw-blocks.ts";
import { damaged, printable, type ReceivedMember } from "../format/stream-reader.ts";
import type { ImageReader } from "./image-reader.ts";
import { announcedSize, decodeMap, type DecodedMap, mapLimit } from "./sparse-member.ts";

/** A received piece in the memory that was given. */
export interface ReceivedPiece {
  /** Map and data, for their digest. */
  readonly content: Buffer;
  /** The data and where in the filesystem it belongs, ascending. */
  readonly parts: readonly Placed[];
  readonly end: number;
}

/**
 * Reads the current member, a piece of a filesystem of `bytes`, into `memory`: the data begins at {@link mapLimit} there,
 * a page boundary, the map stands before it. `from`: where the piece before it ended. Throws KnownError for what is no
 * such piece.
 */
export async function readPiece(
  reader: ImageReader,
  { member, header }: ReceivedMember,
  memory: Buffer,
  from: number,
): Promise<ReceivedPiece> {
  const { image } = reader.manifest;
  if (image === undefined) throw new Error("no image");
  const offset = Number(/^blocks\/(\d{16})$/.exec(member.name)?.[1] ?? NaN);
  const realSize = announcedSize(header);
  if (!(offset >= from) || realSize === undefined)
    throw damaged(`its member ${printable(member.name)} has no place in it`);
  const { map, dataBytes } = await receive(reader, member.size, memory, member.name);
  if (!isSound(map.extents, { offset, realSize, dataBytes, blockSize: image.blockSize }))
    throw damaged(`its member ${printable(member.name)} contradicts itself`);
  if (offset + realSize > image.bytes) throw damaged("it has a piece beyond the end of its filesystem");
  let at = mapLimit;
  const parts = map.extents.map(({ start, end }): Placed => {
    const bytes = memory.subarray(at, at + end - start);
    at += end - start;
    return { start: offset + start, bytes };
  });
  return { content: memory.subarray(mapLimit - map.bytes, mapLimit + dataBytes), parts, end: offset + realSize };
}

// The map says where the data begins in the memory, so that it comes first, in a buffer of its own.
async function receive(
  reader: ImageReader,
  size: number,
  memory: Buffer,
  name: string,
): Promise<{ readonly map: DecodedMap; readonly dataBytes: number }> {
  if (size > mapLimit + pieceLimit) throw damaged(`its member ${printable(name)} is too large`);
  let head: Buffer = Buffer.alloc(0);
  let map: DecodedMap | undefined;
  let end = mapLimit;
  for (let part = await reader.nextPart(); part !== undefined; part = await reader.nextPart()) {
    if (map !== undefined) {
      end += copyInto(memory, part, end, name);
      continue;
    }
    head = head.length === 0 ? part : Buffer.concat([head, part]);
    const decoded = decodeMap(head);
    if (decoded === "damaged") throw damaged(`the map of its member ${printable(name)} cannot be read`);
    if (decoded === undefined) continue;
    map = decoded;
    head.copy(memory, mapLimit - map.bytes, 0, map.bytes);
    end += copyInto(memory, head.subarray(map.bytes), end, name);
  }
  if (map === undefined) throw damaged(`the map of its member ${printable(name)} cannot be read`);
  return { map, dataBytes: end - mapLimit };
}

function copyInto(memory: Buffer, part: Buffer, at: number, name: string): number {
  if (at + part.length > memory.length) throw damaged(`its member ${printable(name)} is too large`);
  return part.copy(memory, at);
}

interface Announced {
  readonly offset: number;
  readonly realSize: number;
  readonly dataBytes: number;
  readonly blockSize: number;
}

// Whole blocks in order, from the first byte of the piece to its last, and as many as there are.
function isSound(extents: readonly Extent[], { offset, realSize, dataBytes, blockSize }: Announced): boolean {
  if (extents[0]?.start !== 0 || extents.at(-1)?.end !== realSize || offset % blockSize !== 0) return false;
  let end = -1;
  let sum = 0;
  for (const extent of extents) {
    if (extent.start <= end || extent.end <= extent.start) return false;
    if (extent.start % blockSize !== 0 || extent.end % blockSize !== 0) return false;
    end = extent.end;
    sum += extent.end - extent.start;
  }
  return sum === dataBytes && realSize <= pieceLimit;
}
