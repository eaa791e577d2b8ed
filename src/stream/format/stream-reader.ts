import { KnownError } from "../../host/errors.ts";
import { checksumName, createStreamHash } from "./checksum.ts";
import { decodeManifest, type Manifest, manifestLimit, manifestName } from "./manifest.ts";
import type { Meter } from "../pipe/meter.ts";
import { createTarScanner, type TarEvent, type TarMember } from "./tar-scanner.ts";

/** A member whose data comes next. */
export interface ReceivedMember {
  readonly member: TarMember;
  /** Its header blocks. */
  readonly header: Buffer;
}

/** Reads a stream of version 1, hashing it on the way. */
export interface StreamReader {
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

/** Reads the manifest of a stream. Throws KnownError for what is no such stream, or one of a later version. */
export async function beginReading(chunks: AsyncIterable<Buffer>, meter: Meter): Promise<StreamReader> {
  const events = createEventQueue(chunks, meter);
  const hash = createStreamHash();
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

  const manifest = await readManifest(events, nextMember, content);
  return {
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

async function readManifest(
  events: EventQueue,
  nextMember: () => Promise<ReceivedMember | undefined>,
  content: (limit: number) => Promise<Buffer>,
): Promise<Manifest> {
  const first = await events.peek();
  if (first?.kind !== "member" || first.member.name !== manifestName || first.member.type !== "0") {
    throw new KnownError("stdin is neither a backup of ganeti-instance-debootstrap nor one of dump", {
      hint: "check which OS the exported instance had: gnt-backup list, gnt-instance info",
    });
  }
  await nextMember();
  return decodeManifest(await content(manifestLimit));
}

interface EventQueue {
  readonly ended: boolean;
  /** The event that comes next, undefined at the end of the input. */
  peek(): Promise<TarEvent | undefined>;
  shift(): void;
}

function createEventQueue(chunks: AsyncIterable<Buffer>, meter: Meter): EventQueue {
  const scanner = createTarScanner();
  const iterator = chunks[Symbol.asyncIterator]();
  let queue: readonly TarEvent[] = [];
  let at = 0;
  return {
    get ended() {
      return scanner.ended;
    },
    async peek() {
      while (at === queue.length) {
        const next = await iterator.next();
        if (next.done === true) return undefined;
        meter.add(next.value.length);
        queue = scanner.push(next.value);
        at = 0;
      }
      return queue[at];
    },
    shift() {
      at += 1;
    },
  };
}

async function required(events: EventQueue): Promise<TarEvent> {
  const event = await events.peek();
  if (event === undefined) throw truncated();
  return event;
}

/** A name of a stream in words for a message. */
export function printable(name: string): string {
  return JSON.stringify(name.length > 200 ? `${name.slice(0, 200)}...` : name);
}

/** The error of a stream that ended early. */
export function truncated(): KnownError {
  return new KnownError("the backup is truncated: it ends before its end marker", {
    hint: "the export failed, or its way here broke: look at its log and export again",
  });
}

/** The error of a stream that was changed on its way. */
export function damaged(what: string): KnownError {
  return new KnownError(`the backup is damaged: ${what}`, {
    hint: "it was changed after the export, or on its way: take another copy or export again",
  });
}
