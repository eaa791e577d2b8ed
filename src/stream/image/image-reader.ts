import { KnownError } from "../../host/errors.ts";
import { checksumName, endMarker } from "../format/checksum.ts";
import { createDigestList, encodeDigestList, firstDifference, sha256 } from "../format/digest-list.ts";
import type { EventQueue } from "../format/event-queue.ts";
import { type Manifest, manifestName } from "../format/manifest.ts";
import { damaged, type FirstMember, printable, type ReceivedMember, truncated } from "../format/stream-reader.ts";
import { encodeHeader, paddedSize } from "../format/tar-header.ts";
import type { TarEvent, TarMember } from "../format/tar-scanner.ts";
import { announcedSize, encodeSparseHeader } from "./sparse-member.ts";

/**
 * Reads a stream of version 2. Headers and padding are compared with the only bytes they may have, contents by their
 * digests, all at the end.
 */
export interface ImageReader {
  readonly kind: "image";
  readonly manifest: Manifest;
  /** The next member before the digests, or undefined when those are reached. */
  nextMember(): Promise<ReceivedMember | undefined>;
  /** The whole data of the current member. Throws KnownError when it is larger than `limit` bytes. */
  content(limit: number): Promise<Buffer>;
  /** The next part of the current member's data, undefined when all came. Its reader tells `digest`. */
  nextPart(): Promise<Buffer | undefined>;
  /** Takes the digest of the current member's data. */
  digest(digest: Promise<string>): void;
  /** Reads to the end of the stream. Throws KnownError unless every byte is as the digests say, with the place. */
  finish(): Promise<void>;
}

/** Reads on behind the manifest. */
export function createImageReader(events: EventQueue, { manifest, bytes: first }: FirstMember): ImageReader {
  const digests = createDigestList();
  const modified = manifest.created;
  let current: TarMember = { name: manifestName, linkName: "", type: "0", size: 0 };
  let left = 0;

  const peek = async (): Promise<TarEvent | undefined> => {
    try {
      return await events.peek();
    } catch (error) {
      throw located(error, current.name);
    }
  };
  const needed = async (): Promise<TarEvent> => {
    const event = await peek();
    if (event === undefined) throw truncated(`in or behind its member ${printable(current.name)}`);
    return event;
  };
  const skipPadding = async (): Promise<void> => {
    for (let event = await needed(); event.kind === "padding"; event = await needed()) {
      if (event.bytes.some((byte) => byte !== 0))
        throw damaged(`the padding of its member ${printable(current.name)} was changed`);
      events.shift();
    }
  };
  const enter = (member: TarMember, header: Buffer): void => {
    if (!isExact(member, header, modified))
      throw damaged(`the header of its member ${printable(member.name)} was changed`);
    current = member;
    left = member.size;
  };
  const nextPart = async (): Promise<Buffer | undefined> => {
    if (left === 0) return undefined;
    const event = await needed();
    if (event.kind !== "data") throw damaged(`its member ${printable(current.name)} is cut`);
    events.shift();
    left -= event.bytes.length;
    return event.bytes;
  };
  const read = async (limit: number): Promise<Buffer> => {
    if (current.size > limit) throw damaged(`its member ${printable(current.name)} is too large`);
    const parts: Buffer[] = [];
    for (let part = await nextPart(); part !== undefined; part = await nextPart()) parts.push(part);
    return Buffer.concat(parts);
  };
  const enterSeal = async (): Promise<void> => {
    const event = await needed();
    if (event.kind !== "member" || event.member.name !== checksumName) throw damaged("it has no checksums");
    events.shift();
    enter(event.member, event.bytes);
  };

  noteManifest(first, manifest, digests);
  return {
    kind: "image",
    manifest,
    async nextMember() {
      while ((await nextPart()) !== undefined);
      await skipPadding();
      const event = await needed();
      if (event.kind !== "member") throw damaged(`it has no checksums behind its member ${printable(current.name)}`);
      if (event.member.name === checksumName) return undefined;
      events.shift();
      enter(event.member, event.bytes);
      return { member: event.member, header: event.bytes };
    },
    async content(limit) {
      const content = await read(limit);
      digests.add(current.name, sha256(content));
      return content;
    },
    nextPart,
    digest(digest) {
      digests.add(current.name, digest);
    },
    async finish() {
      const lines = await digests.lines();
      await enterSeal();
      const announced = await read(encodeDigestList(lines).length + 1024);
      const difference = firstDifference(announced, lines);
      await skipPadding();
      const end: Buffer[] = [];
      for (let event = await peek(); event !== undefined; event = await peek()) {
        if (event.kind === "trailing") throw damaged("something follows its end");
        if (event.kind !== "end") throw damaged("a member follows its checksums");
        end.push(event.bytes);
        events.shift();
      }
      if (!events.ended || !Buffer.concat(end).equals(endMarker)) throw truncated("behind its checksums");
      if (difference !== undefined) throw damaged(difference);
    },
  };
}

function noteManifest(first: Buffer, manifest: Manifest, digests: ReturnType<typeof createDigestList>): void {
  const { size } = sizeOf(first);
  const content = first.subarray(512, 512 + size);
  const header = encodeHeader({ name: manifestName, size, modified: manifest.created });
  const padding = Buffer.alloc(paddedSize(size) - size);
  if (!first.equals(Buffer.concat([header, content, padding]))) throw damaged("the header of its manifest was changed");
  digests.add(manifestName, sha256(content));
}

function sizeOf(first: Buffer): { readonly size: number } {
  return { size: parseInt(first.toString("latin1", 124, 135), 8) || 0 };
}

// Everything in a header follows from what was understood of it.
function isExact({ name, size, type, linkName }: TarMember, header: Buffer, modified: number): boolean {
  if (type !== "0" || linkName !== "" || name.length > 99) return false;
  const realSize = announcedSize(header);
  const exact =
    realSize === undefined
      ? encodeHeader({ name, size, modified })
      : encodeSparseHeader({ name, stored: size, realSize, modified });
  return exact.equals(header);
}

function located(error: unknown, member: string): unknown {
  if (!(error instanceof KnownError) || error.message.startsWith("the backup is")) return error;
  return damaged(`${error.message}, in or behind its member ${printable(member)}`);
}
