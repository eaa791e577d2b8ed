import { KnownError } from "../../host/errors.ts";

/** Tar is made of blocks of 512 bytes: a header, the data padded to whole blocks, and two zero blocks at the end. */
export const tarBlock = 512;

/** One decoded header block. `type` is its type flag as a character; `size` in bytes. */
export interface TarHeader {
  readonly name: string;
  readonly linkName: string;
  readonly type: string;
  readonly size: number;
}

/**
 * What {@link encodeHeader} writes; mode defaults to 0600, `modified` (seconds since 1970) to 0, the type flag to that of
 * a regular file.
 */
export interface NewMember {
  readonly name: string;
  readonly size: number;
  readonly type?: string;
  readonly mode?: number;
  readonly modified?: number;
}

// Offsets and lengths of the fields, POSIX.1-1988 ustar and GNU tar: tar(5), "GNU Tar Archives".
const field = {
  name: [0, 100],
  mode: [100, 8],
  uid: [108, 8],
  gid: [116, 8],
  size: [124, 12],
  mtime: [136, 12],
  checksum: [148, 8],
  type: [156, 1],
  linkName: [157, 100],
  magic: [257, 8],
  prefix: [345, 155],
} as const;

/** The padded length of `size` bytes of data. */
export function paddedSize(size: number): number {
  return Math.ceil(size / tarBlock) * tarBlock;
}

/** Whether a block holds only zeros: half an end marker. */
export function isZeroBlock(block: Buffer): boolean {
  return block.equals(zeroBlock);
}

/** Decodes a header block. Names are Latin-1 strings, one character a byte, since a guest's names need not be UTF-8. Throws KnownError when it is none. */
export function decodeHeader(block: Buffer): TarHeader {
  const checksum = octal(block, field.checksum);
  if (checksum !== checksumOf(block)) throw new KnownError("a tar header does not match its checksum");
  const name = text(block, field.name);
  // GNU's own magic "ustar  " has other fields where POSIX has the prefix.
  const isPosix = block.toString("latin1", 257, 263) === "ustar\0";
  const prefix = isPosix ? text(block, field.prefix) : "";
  return {
    name: prefix === "" ? name : `${prefix}/${name}`,
    linkName: text(block, field.linkName),
    type: block.toString("latin1", field.type[0], field.type[0] + 1),
    size: number(block, field.size),
  };
}

/** A ustar header of a file owned by root. Throws when the name does not fit. */
export function encodeHeader({ name, size, type = "0", mode = 0o600, modified = 0 }: NewMember): Buffer {
  const block = Buffer.alloc(tarBlock);
  if (Buffer.byteLength(name) > field.name[1]) throw new Error(`too long for a ustar header: ${name}`);
  block.write(name, field.name[0]);
  writeOctal(block, field.mode, mode);
  writeOctal(block, field.uid, 0);
  writeOctal(block, field.gid, 0);
  if (size < 8 ** 11) writeOctal(block, field.size, size);
  else writeBase256(block, field.size, size);
  writeOctal(block, field.mtime, modified);
  block.write(type, field.type[0]);
  block.write("ustar\u000000", field.magic[0], "latin1");
  block.write(`${checksumOf(block).toString(8).padStart(6, "0")}\0 `, field.checksum[0], "latin1");
  return block;
}

const zeroBlock = Buffer.alloc(tarBlock);

type Field = readonly [start: number, length: number];

function text(block: Buffer, [start, length]: Field): string {
  const end = block.indexOf(0, start);
  return block.toString("latin1", start, end === -1 ? start + length : Math.min(end, start + length));
}

// Base-256 (GNU, star): the first byte's top bit is set, the rest is a big-endian number.
function number(block: Buffer, at: Field): number {
  const first = block.readUInt8(at[0]);
  if ((first & 0x80) === 0) return octal(block, at);
  if (first !== 0x80) throw new KnownError("a tar header has a negative or too large size");
  const value = block.subarray(at[0] + 1, at[0] + at[1]).reduce((sum, byte) => sum * 256 + byte, 0);
  if (!Number.isSafeInteger(value)) throw new KnownError("a tar header has a too large size");
  return value;
}

function octal(block: Buffer, at: Field): number {
  const digits = text(block, at).trim();
  if (!/^[0-7]*$/.test(digits)) throw new KnownError("a tar header has a number that is not octal");
  return digits === "" ? 0 : parseInt(digits, 8);
}

function writeOctal(block: Buffer, [start, length]: Field, value: number): void {
  block.write(value.toString(8).padStart(length - 1, "0"), start);
}

function writeBase256(block: Buffer, [start, length]: Field, value: number): void {
  block.writeUInt8(0x80, start);
  block.writeBigUInt64BE(BigInt(value), start + length - 8);
}

// The sum of all bytes, the checksum field itself counted as spaces.
function checksumOf(block: Buffer): number {
  let sum = 8 * 0x20;
  for (let i = 0; i < field.checksum[0]; i++) sum += block[i] ?? 0;
  for (let i = field.checksum[0] + field.checksum[1]; i < tarBlock; i++) sum += block[i] ?? 0;
  return sum;
}
