import { KnownError } from "../../host/errors.ts";
import { checksumName, createStreamHash } from "./checksum.ts";
import type { EventQueue } from "./event-queue.ts";
import type { Manifest } from "./manifest.ts";
import type { TarEvent, TarMember } from "./tar-scanner.ts";

/** The manifest, and all bytes of the stream so far. */
export interface FirstMember {
  readonly manifest: Manifest;
  readonly bytes: Buffer;
}

/** A member whose data comes next. */
export interface ReceivedMember {
  readonly member: TarMember;
  /** Its header blocks. */
  readonly header: Buffer;
}

/** Reads a stream of version 1, hashing it on the way. */
export interface StreamReader {
  readonly kind: "members";
  readonly manifest: Manifest;
  /** The next member before the checksum, or undefined when that is reached. */
  nextMember(): Promise<ReceivedMember | undefined>;
  /** The next part of the current member's data or padding; undefined when all came. */
  nextPart(): Promise<Buffer | undefined>;
  /** The whole data of the current member. Throws KnownError when it is larger than `limit` bytes. */
  content(limit: number): Promise<Buffer>;
  /** Reads to the end of the stream. Throws KnownError unless every byte is as the checksum member says. */
  finish(): Promise<void>;
}

/** Reads on behind the manifest, in a stream of version 1. */
export function createStreamReader(events: EventQueue, { manifest, bytes }: FirstMember): StreamReader {
  const hash = createStreamHash();
  hash.update(bytes);
  let current: TarMember | undefined;

  const nextMember = async (): Promise<ReceivedMember | undefined> => {
    while ((await nextPart()) !== undefined);
    const event = await required(events);
    if (event.kind !== "member") throw damaged("it has no checksum member");
    if (event.member.name === checksumName) return undefined;
    events.shift();
    hash.update(event.bytes);
    current = event.member;
    return { member: event.member, header: event.bytes };
  };
  const nextPart = async (): Promise<Buffer | undefined> => {
    const event = await events.peek();
    if (event === undefined || (event.kind !== "data" && event.kind !== "padding")) return undefined;
    events.shift();
    hash.update(event.bytes);
    return event.bytes;
  };
  const content = async (limit: number): Promise<Buffer> => {
    if (current === undefined) throw new Error("no member");
    const { name, size } = current;
    if (size > limit) throw damaged(`its member ${printable(name)} is too large`);
    const parts: Buffer[] = [];
    for (let part = await nextPart(); part !== undefined; part = await nextPart()) parts.push(part);
    const bytes = Buffer.concat(parts);
    if (bytes.length < size) throw truncated();
    return bytes.subarray(0, size);
  };

  return {
    kind: "members",
    manifest,
    nextMember,
    nextPart,
    content,
    async finish() {
      const seal: Buffer[] = [];
      for (let event = await events.peek(); event !== undefined; event = await events.peek()) {
        if (event.kind === "trailing") throw damaged("something follows its end");
        seal.push(event.bytes);
        events.shift();
        if (seal.length > 16) throw damaged("a member follows its checksum");
      }
      if (!events.ended) throw truncated();
      if (!Buffer.concat(seal).equals(hash.seal(manifest.created))) throw damaged("its checksum does not match");
    },
  };
}

/** The event that comes next. Throws KnownError at the end of the input. */
export async function required(events: EventQueue): Promise<TarEvent> {
  const event = await events.peek();
  if (event === undefined) throw truncated();
  return event;
}

/** A name of a stream in words for a message. */
export function printable(name: string): string {
  return JSON.stringify(name.length > 200 ? `${name.slice(0, 200)}...` : name);
}

/** The error of a stream that ended early, `where` that is known. */
export function truncated(where = "before its end marker"): KnownError {
  return new KnownError(`the backup is truncated: it ends ${where}`, {
    hint: "the export failed, or its way here broke: look at its log and export again",
  });
}

/** The error of a stream that was changed on its way. */
export function damaged(what: string): KnownError {
  return new KnownError(`the backup is damaged: ${what}`, {
    hint: "it was changed after the export, or on its way: take another copy or export again",
  });
}
