import { createHash } from "node:crypto";
import { checksumName, endMarker } from "./checksum.ts";
import { encodeHeader, paddedSize } from "./tar-header.ts";

/** The digests of a stream's members, in their order. */
export interface DigestList {
  /** Notes the digest of the next member's content, which may still be under way. */
  add(name: string, digest: string | Promise<string>): void;
  /** Resolves when all digests are there. Rejects as the first that could not be made. */
  lines(): Promise<readonly DigestLine[]>;
}

export interface DigestLine {
  readonly name: string;
  readonly digest: string;
}

/** An empty list. */
export function createDigestList(): DigestList {
  const entries: { readonly name: string; readonly digest: string | Promise<string> }[] = [];
  return {
    add(name, digest) {
      if (typeof digest !== "string") digest.catch(() => undefined); // thrown by `lines`
      entries.push({ name, digest });
    },
    lines: () => Promise.all(entries.map(async ({ name, digest }) => ({ name, digest: await digest }))),
  };
}

/** SHA-256 of a small member's content. */
export function sha256(content: Buffer): string {
  return createHash("sha256").update(content).digest("hex");
}

/**
 * The content of the sealing member: a line `DIGEST  NAME` for each member before it, as sha256sum(1) writes them, and
 * last a line `DIGEST  -` over those.
 */
export function encodeDigestList(lines: readonly DigestLine[]): Buffer {
  const list = Buffer.from(lines.map(({ name, digest }) => `${digest}  ${name}\n`).join(""));
  return Buffer.concat([list, Buffer.from(`${sha256(list)}  -\n`)]);
}

/** Where two lists of one stream differ, in words for a message; undefined when they are the same. */
export function firstDifference(announced: Buffer, made: readonly DigestLine[]): string | undefined {
  const own = encodeDigestList(made);
  if (announced.equals(own)) return undefined;
  const theirs = announced.toString("latin1").split("\n");
  const index = made.findIndex(({ name, digest }, at) => theirs[at] !== `${digest}  ${name}`);
  const line = made[index];
  if (line === undefined) return "its list of checksums was changed or cut";
  const isNamed = theirs[index]?.slice(66) === line.name;
  return isNamed
    ? `its member ${line.name} is not what was exported`
    : `its member ${line.name} stands where another one was exported, or its list of checksums was changed`;
}

/** The last bytes of the stream: the sealing member and the end marker. */
export function encodeSeal(content: Buffer, modified: number): Buffer {
  const header = encodeHeader({ name: checksumName, size: content.length, modified });
  return Buffer.concat([header, content, Buffer.alloc(paddedSize(content.length) - content.length), endMarker]);
}
