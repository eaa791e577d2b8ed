import { createHash } from "node:crypto";
import { encodeHeader, tarBlock } from "./tar-header.ts";

/** Name of the last member of a stream. */
export const checksumName = ".ganeti-instance-debootstrap/sha256";

/** Two zero blocks. */
export const endMarker: Buffer = Buffer.alloc(2 * tarBlock);

/** SHA-256 of a stream while it goes by. */
export interface StreamHash {
  update(bytes: Buffer): void;
  /** The last bytes of the stream: the checksum member and the end marker. Call once. */
  seal(modified: number): Buffer;
}

/** A hash of the bytes of a stream before its checksum member. */
export function createStreamHash(): StreamHash {
  const hash = createHash("sha256");
  return {
    update: (bytes) => {
      hash.update(bytes);
    },
    seal: (modified) => Buffer.concat([checksumMember(hash.digest("hex"), modified), endMarker]),
  };
}

/**
 * The checksum member: a line as of sha256sum(1) over all bytes before this member's header, so that anyone can check a
 * plain stream with `head -c -2048 FILE | sha256sum`. Every byte of it follows from `digest` and `modified` (seconds
 * since 1970, from the manifest): import compares them all.
 */
function checksumMember(digest: string, modified: number): Buffer {
  const line = Buffer.from(`${digest}  -\n`);
  const header = encodeHeader({ name: checksumName, size: line.length, modified });
  return Buffer.concat([header, line, Buffer.alloc(tarBlock - line.length)]);
}
