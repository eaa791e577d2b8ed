import { type ByteSink, coalescing } from "../pipe/byte-sink.ts";
import type { Meter } from "../pipe/meter.ts";
import { createDigestList, encodeDigestList, encodeSeal, sha256 } from "../format/digest-list.ts";
import { encodeManifest, type Manifest, manifestName } from "../format/manifest.ts";
import { encodeHeader, paddedSize } from "../format/tar-header.ts";
import { encodeSparseHeader } from "./sparse-member.ts";

/** A sparse member with its map and data in one buffer, whose digest is being made elsewhere. */
export interface PackedPiece {
  readonly name: string;
  readonly content: Buffer;
  readonly realSize: number;
  readonly digest: Promise<string>;
}

/** Writes a stream of version 2 in its order: see docs/export-format.md. */
export interface ImageWriter {
  member(name: string, content: Buffer): Promise<void>;
  /** Resolves when the sink is done with the content; the digest may still need it. */
  piece(piece: PackedPiece): Promise<void>;
  /** Writes the digests of all members and the end. */
  finish(): Promise<void>;
}

/** Begins a stream of version 2 with its manifest. */
export async function beginImageStream(output: ByteSink, manifest: Manifest, meter: Meter): Promise<ImageWriter> {
  const sink = coalescing(output);
  const digests = createDigestList();
  const modified = manifest.created;
  const pass = async (bytes: Buffer): Promise<void> => {
    meter.add(bytes.length);
    await sink.write(bytes);
  };
  const writer: ImageWriter = {
    async member(name, content) {
      digests.add(name, sha256(content));
      await pass(encodeHeader({ name, size: content.length, modified }));
      await pass(content);
      await pass(Buffer.alloc(paddedSize(content.length) - content.length));
    },
    async piece({ name, content, realSize, digest }) {
      digests.add(name, digest);
      await pass(encodeSparseHeader({ name, stored: content.length, realSize, modified }));
      await pass(content);
    },
    async finish() {
      await sink.write(encodeSeal(encodeDigestList(await digests.lines()), modified));
      await sink.end();
    },
  };
  await writer.member(manifestName, encodeManifest(manifest));
  return writer;
}
