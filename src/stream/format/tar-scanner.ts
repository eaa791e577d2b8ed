import { KnownError } from "../../host/errors.ts";
import { decodePax, type PaxAttributes } from "./pax-header.ts";
import { decodeHeader, isZeroBlock, paddedSize, tarBlock, type TarHeader } from "./tar-header.ts";

/** A member of a tar stream: its real name and link target (Latin-1, see decodeHeader) and the bytes of data stored. */
export interface TarMember {
  readonly name: string;
  readonly linkName: string;
  readonly type: string;
  readonly size: number;
}

/**
 * What a scanner found: a member with all its header blocks (the extended ones before it included), a part of its data,
 * the padding of its data, or the end marker. The buffers of all events in a row are the bytes of the stream.
 */
export type TarEvent =
  | { readonly kind: "member"; readonly member: TarMember; readonly bytes: Buffer }
  | { readonly kind: "data"; readonly bytes: Buffer }
  | { readonly kind: "padding"; readonly bytes: Buffer }
  | { readonly kind: "end"; readonly bytes: Buffer }
  | { readonly kind: "trailing"; readonly bytes: Buffer };

/** Finds the members of a tar stream that comes in chunks of any size. */
export interface TarScanner {
  /** Takes the next bytes. Throws KnownError when they are no tar. */
  push(chunk: Buffer): readonly TarEvent[];
  /** Whether the stream may end here: behind both zero blocks of the end marker. */
  readonly ended: boolean;
  /** Where the end marker begins, in bytes of the stream; Infinity while it has not come. */
  readonly endsAt: number;
}

// Names and attributes of one member: extended attributes are at most 64 KiB each, names 4 KiB.
const extensionLimit = 16 * 1024 * 1024;
const endMarker = 2 * tarBlock;

/**
 * A scanner that walks the 512-byte headers, by type and size (base-256 and pax sizes included), because zeros inside a
 * file are no end marker. Headers are held back until the member they belong to is known; data passes through uncopied.
 */
export function createTarScanner(): TarScanner {
  let held: Buffer[] = [];
  let heldBytes = 0;
  let partial = Buffer.alloc(0);
  let extension: Extension | undefined;
  let attributes: PaxAttributes = {};
  let data = 0;
  let padding = 0;
  let zeros = 0;
  let consumed = 0;
  let blockStart = 0;
  let endsAt = Infinity;

  const hold = (bytes: Buffer): void => {
    held.push(bytes);
    heldBytes += bytes.length;
    if (heldBytes > extensionLimit) throw new KnownError("the headers of one member of the stream are too large");
  };

  const onBlock = (block: Buffer): TarEvent | undefined => {
    if (extension !== undefined) {
      hold(block);
      extension.blocks.push(block);
      extension.left -= block.length;
      if (extension.left === 0) finishExtension(extension);
      return undefined;
    }
    if (isZeroBlock(block)) return onZeroBlock(block);
    if (zeros > 0) throw new KnownError("a single zero block stands in the middle of the stream");
    hold(block);
    const header = decodeHeader(block);
    if (isExtension(header.type)) {
      if (header.size > extensionLimit) throw new KnownError("the headers of one member of the stream are too large");
      extension = { header, left: paddedSize(header.size), blocks: [] };
      if (extension.left === 0) finishExtension(extension);
      return undefined;
    }
    return onMember(header);
  };

  const finishExtension = ({ header, blocks }: Extension): void => {
    const content = Buffer.concat(blocks).subarray(0, header.size);
    attributes = { ...attributes, ...decodeExtension(header.type, content) };
    extension = undefined;
  };

  const onMember = (header: TarHeader): TarEvent => {
    const size = attributes.size ?? header.size;
    requirePlausible(header.type, size);
    const member = {
      name: attributes.path ?? header.name,
      linkName: attributes.linkPath ?? header.linkName,
      type: header.type === "\0" ? "0" : header.type,
      size,
    };
    const bytes = held.length === 1 && held[0] !== undefined ? held[0] : Buffer.concat(held);
    held = [];
    heldBytes = 0;
    attributes = {};
    data = size;
    padding = paddedSize(size) - size;
    return { kind: "member", member, bytes };
  };

  const onZeroBlock = (block: Buffer): TarEvent => {
    if (held.length > 0) throw new KnownError("the stream ends behind an extended header");
    if (zeros === 0) endsAt = blockStart;
    zeros += block.length;
    return { kind: "end", bytes: block };
  };

  const take = (chunk: Buffer, at: number): readonly [TarEvent | undefined, number] => {
    if (zeros === endMarker) return [{ kind: "trailing", bytes: chunk.subarray(at) }, chunk.length];
    if (data > 0) {
      const bytes = chunk.subarray(at, at + data);
      data -= bytes.length;
      return [{ kind: "data", bytes }, at + bytes.length];
    }
    if (padding > 0) {
      const bytes = chunk.subarray(at, at + padding);
      padding -= bytes.length;
      return [{ kind: "padding", bytes }, at + bytes.length];
    }
    const end = at + tarBlock - partial.length;
    if (end > chunk.length) {
      partial = Buffer.concat([partial, chunk.subarray(at)]);
      return [undefined, chunk.length];
    }
    blockStart = consumed - partial.length;
    const block = partial.length === 0 ? chunk.subarray(at, end) : Buffer.concat([partial, chunk.subarray(at, end)]);
    partial = Buffer.alloc(0);
    return [onBlock(block), end];
  };

  return {
    push(chunk) {
      const events: TarEvent[] = [];
      for (let at = 0; at < chunk.length;) {
        const [event, next] = take(chunk, at);
        if (event !== undefined) events.push(event);
        consumed += next - at;
        at = next;
      }
      return events;
    },
    get ended() {
      return zeros === endMarker;
    },
    get endsAt() {
      return endsAt;
    },
  };
}

interface Extension {
  readonly header: TarHeader;
  left: number;
  readonly blocks: Buffer[];
}

// pax headers of one member (x) and GNU's long name and link (L, K). A global one (g) would also name later members.
function isExtension(type: string): boolean {
  return type === "x" || type === "L" || type === "K";
}

// Links, devices, directories and FIFOs have no data. GNU tar itself skips what their size field says, so a size there
// would make it and us see different members.
function requirePlausible(type: string, size: number): void {
  if (type === "0" || type === "\0") return;
  if (!"123456".includes(type))
    throw new KnownError(`the stream has a member of an unknown type (${JSON.stringify(type)})`);
  if (size !== 0) throw new KnownError(`the stream has a member of type ${type} that claims to hold data`);
}

function decodeExtension(type: string, content: Buffer): PaxAttributes {
  if (type === "x") return decodePax(content);
  const end = content.indexOf(0);
  const name = content.toString("latin1", 0, end === -1 ? content.length : end);
  return type === "L" ? { path: name } : { linkPath: name };
}
