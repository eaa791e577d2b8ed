import type { Extent } from "../../devices/blocks/extents.ts";
import { encodeHeader, paddedSize, tarBlock } from "../format/tar-header.ts";

/** Most bytes of the map of a sparse member that are read. */
export const mapLimit = 128 * 1024;

/** What the headers of a sparse member say. `stored`: bytes of its map and data; `realSize`: of the file it stands for. */
export interface SparseMember {
  readonly name: string;
  readonly stored: number;
  readonly realSize: number;
  /** Seconds since 1970. */
  readonly modified: number;
}

/**
 * The header blocks of a sparse file as GNU tar writes it (PAX format 1.0: "Storing Sparse Files" in its manual), so that
 * any tar restores its holes. All follow from the arguments: import compares them byte by byte.
 */
export function encodeSparseHeader({ name, stored, realSize, modified }: SparseMember): Buffer {
  const last = name.slice(name.lastIndexOf("/") + 1);
  const records = Buffer.from(
    [
      ["GNU.sparse.major", "1"],
      ["GNU.sparse.minor", "0"],
      ["GNU.sparse.name", name],
      ["GNU.sparse.realsize", String(realSize)],
    ]
      .map(([key = "", value = ""]) => paxRecord(key, value))
      .join(""),
  );
  return Buffer.concat([
    encodeHeader({ name: `PaxHeaders/${last}`, size: records.length, type: "x", modified }),
    records,
    Buffer.alloc(paddedSize(records.length) - records.length),
    encodeHeader({ name: `GNUSparseFile/${last}`, size: stored, modified }),
  ]);
}

// Its length counts its own digits.
function paxRecord(key: string, value: string): string {
  const rest = ` ${key}=${value}\n`;
  let length = rest.length + 1;
  while (String(length).length + rest.length !== length) length += 1;
  return `${String(length)}${rest}`;
}

/** The real size that header blocks announce; undefined where they are not of a sparse file. */
export function announcedSize(header: Buffer): number | undefined {
  const digits = /GNU\.sparse\.realsize=(\d{1,15})\n/.exec(header.toString("latin1"))?.[1];
  return digits === undefined ? undefined : Number(digits);
}

/** The map before the data: how many extents there are, then offset and length of each, one number a line. */
export function encodeMap(extents: readonly Extent[]): Buffer {
  const lines = [extents.length, ...extents.flatMap(({ start, end }) => [start, end - start])];
  const text = Buffer.from(`${lines.join("\n")}\n`);
  return Buffer.concat([text, Buffer.alloc(paddedSize(text.length) - text.length)]);
}

/** A map and the bytes it takes. */
export interface DecodedMap {
  readonly extents: readonly Extent[];
  readonly bytes: number;
}

/** Reads the map at the start of `bytes`; undefined while it is not all there, `"damaged"` for what is no map of ours. */
export function decodeMap(bytes: Buffer): DecodedMap | "damaged" | undefined {
  const firstEnd = bytes.indexOf(0x0a);
  if (firstEnd === -1) return bytes.length >= tarBlock ? "damaged" : undefined;
  const count = decimal(bytes.toString("latin1", 0, firstEnd));
  if (count === undefined || count * 4 > mapLimit) return "damaged";
  const end = endOfLines(bytes, 1 + 2 * count);
  if (end === undefined) return bytes.length >= mapLimit ? "damaged" : undefined;
  if (bytes.length < paddedSize(end)) return undefined;
  const numbers = bytes.toString("latin1", 0, end).split("\n").slice(1, -1).map(decimal);
  const extents = Array.from({ length: count }, (_, index) => extentOf(numbers[2 * index], numbers[2 * index + 1]));
  if (!extents.every((extent) => extent !== undefined)) return "damaged";
  // One text for one map: what differs in a leading zero or in the padding is damage.
  const isExact = encodeMap(extents).equals(bytes.subarray(0, paddedSize(end)));
  return isExact ? { extents, bytes: paddedSize(end) } : "damaged";
}

function endOfLines(bytes: Buffer, count: number): number | undefined {
  let end = 0;
  for (let line = 0; line < count; line++) {
    const at = bytes.indexOf(0x0a, end);
    if (at === -1) return undefined;
    end = at + 1;
  }
  return end;
}

function extentOf(start: number | undefined, length: number | undefined): Extent | undefined {
  return start === undefined || length === undefined ? undefined : { start, end: start + length };
}

function decimal(text: string): number | undefined {
  return /^\d{1,15}$/.test(text) ? Number(text) : undefined;
}
