import { KnownError } from "../../host/errors.ts";
import { createEventQueue, type EventQueue } from "../format/event-queue.ts";
import { decodeManifest, imageVersion, manifestLimit, manifestName } from "../format/manifest.ts";
import {
  createStreamReader,
  damaged,
  type FirstMember,
  type StreamReader,
  truncated,
} from "../format/stream-reader.ts";
import type { TarEvent } from "../format/tar-scanner.ts";
import type { Meter } from "../pipe/meter.ts";
import { createImageReader, type ImageReader } from "./image-reader.ts";

/** Reads the manifest of a stream. Throws KnownError for what is no such stream, or one of a later version. */
export async function beginReading(chunks: AsyncIterable<Buffer>, meter: Meter): Promise<StreamReader | ImageReader> {
  const events = createEventQueue(chunks, meter);
  const first = await readManifest(events);
  return first.manifest.version === imageVersion ? createImageReader(events, first) : createStreamReader(events, first);
}

async function readManifest(events: EventQueue): Promise<FirstMember> {
  const first = await events.peek();
  if (first?.kind !== "member" || first.member.name !== manifestName || first.member.type !== "0") {
    throw new KnownError("stdin is neither a backup of ganeti-instance-debootstrap nor one of dump", {
      hint: "check which OS the exported instance had: gnt-backup list, gnt-instance info",
    });
  }
  const { size } = first.member;
  if (size > manifestLimit) throw damaged("its manifest is too large");
  const parts = [first.bytes];
  events.shift();
  for (let event = await events.peek(); isContent(event); event = await events.peek()) {
    parts.push(event.bytes);
    events.shift();
  }
  const bytes = Buffer.concat(parts);
  if (bytes.length < first.bytes.length + size) throw truncated();
  return { manifest: decodeManifest(bytes.subarray(first.bytes.length, first.bytes.length + size)), bytes };
}

function isContent(event: TarEvent | undefined): event is TarEvent & { readonly kind: "data" | "padding" } {
  return event?.kind === "data" || event?.kind === "padding";
}
