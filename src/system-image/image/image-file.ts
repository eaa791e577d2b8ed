import { createHash } from "node:crypto";
import type { FileHandle } from "node:fs/promises";
import * as z from "zod/mini";
import { KnownError, messageOf } from "../../host/errors.ts";
import type { ByteRange } from "../../devices/blocks/wipe.ts";
import { complement } from "../../devices/blocks/extents.ts";
import { sha256Of } from "../../host/files/sha256.ts";
import type { ImageLayout } from "./layout.ts";

/** As [first, count], ascending. */
const extentsSchema = z.array(z.tuple([z.int().check(z.nonnegative()), z.int().check(z.positive())]));

/**
 * An image file: a first line `ganeti-instance-debootstrap-image 4 HEADERBYTES SHA256`, padded to 128 bytes; a JSON header,
 * padded so that both are HEADERBYTES; then the filesystem's used blocks, extent by extent. SHA256 is of all that comes
 * after the first line.
 */
export const imageHeaderSchema = z.object({
  /** SHA-256 of the tar the image was made from. */
  tar: z.string(),
  /** Size of the filesystem in the image. */
  bytes: z.number(),
  blockSize: z.number(),
  /** Features that plain mke2fs gives and that are added once the filesystem has its final size. */
  lateFeatures: z.array(z.string()),
  /** Share of the blocks that mke2fs reserves for root, in percent; resize2fs would round it down. */
  reservedPercent: z.number(),
  /** The blocks that are in the file, in its order. */
  blocks: extentsSchema,
  /** Not in the file. */
  zeros: extentsSchema,
});
export type ImageHeader = z.infer<typeof imageHeaderSchema>;

/** An image open for reading. */
export interface OpenImage {
  readonly file: FileHandle;
  readonly header: ImageHeader;
  /** Where the blocks begin in the file. */
  readonly dataOffset: number;
  /** What {@link imageSha256} must give. */
  readonly sha256: string;
}

const magic = "ganeti-instance-debootstrap-image 4 ";
const firstLineBytes = 128;
const alignment = 4096;
/** Bytes that are copied at a time; two such chunks are in memory. */
export const chunkBytes = 4 * 1024 * 1024;

/** An image that cannot be read; another can be made. */
export class UnreadableImageError extends KnownError {
  override readonly name = "UnreadableImageError";
}

/** Whether an open file begins as an image of this version does. */
export async function isOfThisVersion(file: FileHandle): Promise<boolean> {
  return (await readText(file, 0, magic.length)) === magic;
}

/** Reads the header of an open image. Throws KnownError when it is none, of another version, or ends early. */
export async function openImage(file: FileHandle): Promise<OpenImage> {
  const [, bytes, sha256] = /^(\d{1,9}) ([0-9a-f]{64}) *\n$/.exec(await firstLine(file)) ?? [];
  if (bytes === undefined || sha256 === undefined) throw new KnownError("its first line cannot be read");
  const dataOffset = Number(bytes);
  const header = imageHeaderSchema.safeParse(
    parseJson(await readText(file, firstLineBytes, dataOffset - firstLineBytes)),
  );
  if (!header.success || !isSound(header.data)) throw new KnownError("its header cannot be read");
  const { size } = await file.stat();
  if (size !== dataOffset + dataBytes(header.data)) throw new KnownError("it ends early");
  return { file, header: header.data, dataOffset, sha256 };
}

async function firstLine(file: FileHandle): Promise<string> {
  if (!(await isOfThisVersion(file))) throw new KnownError("not a filesystem image of this version");
  return await readText(file, magic.length, firstLineBytes - magic.length);
}

// No block twice, and none outside of the filesystem.
function isSound({ blocks, zeros, blockSize, bytes }: ImageHeader): boolean {
  let end = 0;
  for (const [first, count] of [...blocks, ...zeros].sort(([a], [b]) => a - b)) {
    if (first < end) return false;
    end = first + count;
  }
  return end * blockSize <= bytes;
}

type Layout = ImageLayout & Pick<ImageHeader, "blockSize">;

/** Bytes of all blocks in the image. */
export function dataBytes({ blocks, blockSize }: Layout): number {
  return blocks.reduce((sum, [, count]) => sum + count * blockSize, 0);
}

/** Copies the used blocks of the raw filesystem `from` behind a header into the empty file `to`. */
export async function packImage(from: FileHandle, to: FileHandle, header: ImageHeader): Promise<void> {
  const json = JSON.stringify(header);
  const dataOffset = roundUp(firstLineBytes + Buffer.byteLength(json) + 1);
  const head = Buffer.alloc(dataOffset, " ");
  head.write(json, firstLineBytes);
  head.write("\n", dataOffset - 1);
  const hash = createHash("sha256").update(head.subarray(firstLineBytes));
  const options = { packed: "target", seen: (chunk: Uint8Array) => hash.update(chunk) } as const;
  await copyPieces(from, 0, to, dataOffset, pieces(header), options);
  head.write(`${magic}${String(dataOffset)} ${hash.digest("hex")}`);
  head.write("\n", firstLineBytes - 1);
  await to.write(head, 0, head.length, 0);
}

export interface UnpackOptions {
  /** Two chunks of memory that may be used: page-aligned for a device opened with O_DIRECT. */
  readonly memory?: Uint8Array | undefined;
  /** Is told how many more bytes were handled. */
  readonly progress?: (bytes: number) => void;
}

/**
 * Writes the image's blocks to where they belong on `device`. Throws UnreadableImageError when the image is
 * what fails, and the system's errors of writing.
 */
export async function unpackImage(
  image: OpenImage,
  device: FileHandle,
  { memory, progress }: UnpackOptions = {},
): Promise<void> {
  const seen = (chunk: Uint8Array): void => {
    progress?.(chunk.length);
  };
  const options = { packed: "source", seen, memory } as const;
  await copyPieces(image.file, image.dataOffset, device, 0, pieces(image.header), options);
}

/** The ranges that the image leaves free up to `end`; all are whole blocks but the last. */
export function freeRanges({ blocks, zeros, blockSize }: Layout, end: number): ByteRange[] {
  const used = [...blocks, ...zeros].map(([first, count]) => ({
    start: first * blockSize,
    end: (first + count) * blockSize,
  }));
  return complement(used, end).map((free) => [free.start, free.end - free.start]);
}

/** The ranges of zeros, which the image does not hold. */
export function zeroRanges({ zeros, blockSize }: Layout): ByteRange[] {
  return zeros.map(([first, count]) => [first * blockSize, count * blockSize]);
}

/** SHA-256 of header and blocks as they are in the file. Throws UnreadableImageError. */
export async function imageSha256({ file }: OpenImage, signal: AbortSignal): Promise<string> {
  try {
    return await sha256Of(file, signal, firstLineBytes);
  } catch (error) {
    signal.throwIfAborted();
    throw new UnreadableImageError(messageOf(error), { cause: error });
  }
}

interface CopyOptions {
  /** Which side holds the blocks one after the other; the other one has them at their own places. */
  readonly packed: "source" | "target";
  readonly seen?: (chunk: Uint8Array) => void;
  readonly memory?: Uint8Array | undefined;
}

// Reads the next chunk while the last one is written.
async function copyPieces(
  from: FileHandle,
  fromOffset: number,
  to: FileHandle,
  toOffset: number,
  wanted: Iterable<Piece>,
  { packed, seen, memory = Buffer.allocUnsafe(2 * chunkBytes) }: CopyOptions,
): Promise<void> {
  const buffers = [memory.subarray(0, chunkBytes), memory.subarray(chunkBytes, 2 * chunkBytes)] as const;
  let writing: Promise<void> = Promise.resolve();
  let turn = 0;
  for (const piece of wanted) {
    const [source, target] = packed === "source" ? [piece.packed, piece.place] : [piece.place, piece.packed];
    const chunk = buffers[turn++ % 2 === 0 ? 0 : 1].subarray(0, piece.length);
    await readFully(from, chunk, fromOffset + source);
    await writing;
    writing = writeFully(to, chunk, toOffset + target);
    // A failure is thrown when it is awaited; until then it must not count as unhandled.
    writing.catch(() => undefined);
    seen?.(chunk);
  }
  await writing;
}

interface Piece {
  readonly packed: number;
  readonly place: number;
  readonly length: number;
}

function* pieces({ blocks, blockSize }: Layout): Generator<Piece> {
  let packed = 0;
  for (const [first, count] of blocks) {
    const end = (first + count) * blockSize;
    for (let place = first * blockSize; place < end; place += chunkBytes) {
      const length = Math.min(chunkBytes, end - place);
      yield { packed, place, length };
      packed += length;
    }
  }
}

async function readFully(file: FileHandle, buffer: Uint8Array, position: number): Promise<void> {
  for (let done = 0; done < buffer.length;) {
    const { bytesRead } = await file
      .read(buffer, done, buffer.length - done, position + done)
      .catch((error: unknown) => {
        throw new UnreadableImageError(messageOf(error), { cause: error });
      });
    if (bytesRead === 0) throw new UnreadableImageError("it ends early");
    done += bytesRead;
  }
}

async function writeFully(file: FileHandle, buffer: Uint8Array, position: number): Promise<void> {
  for (let done = 0; done < buffer.length;) {
    done += (await file.write(buffer, done, buffer.length - done, position + done)).bytesWritten;
  }
}

async function readText(file: FileHandle, position: number, length: number): Promise<string> {
  const buffer = Buffer.alloc(length);
  const { bytesRead } = await file.read(buffer, 0, length, position);
  return buffer.subarray(0, bytesRead).toString();
}

function roundUp(bytes: number): number {
  return Math.ceil(bytes / alignment) * alignment;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
