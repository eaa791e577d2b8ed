import { createStreamHash } from "./checksum.ts";
import { type ByteSink, coalescing } from "../pipe/byte-sink.ts";
import type { Meter } from "../pipe/meter.ts";
import type { Manifest } from "./manifest.ts";
import { encodeManifest, manifestName } from "./manifest.ts";
import { encodeHeader, paddedSize } from "./tar-header.ts";

/** Writes a stream of version 1 in its order: see docs/export-format.md. */
export interface StreamWriter {
  member(name: string, content: Buffer): Promise<void>;
  /** Bytes of a tar without its end marker. */
  members(bytes: Buffer): Promise<void>;
  /** Writes the checksum member and the end. */
  finish(): Promise<void>;
}

/** Begins a stream with its manifest. */
export async function beginStream(output: ByteSink, manifest: Manifest, meter: Meter): Promise<StreamWriter> {
  const sink = coalescing(output);
  const hash = createStreamHash();
  const pass = async (bytes: Buffer): Promise<void> => {
    hash.update(bytes);
    meter.add(bytes.length);
    await sink.write(bytes);
  };
  const writer: StreamWriter = {
    async member(name, content) {
      await pass(encodeHeader({ name, size: content.length, modified: manifest.created }));
      await pass(content);
      const padding = paddedSize(content.length) - content.length;
      if (padding > 0) await pass(Buffer.alloc(padding));
    },
    members: pass,
    async finish() {
      await sink.write(hash.seal(manifest.created));
      await sink.end();
    },
  };
  await writer.member(manifestName, encodeManifest(manifest));
  return writer;
}
