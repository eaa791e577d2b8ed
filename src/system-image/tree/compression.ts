import type { FileHandle } from "node:fs/promises";

/** How a tar is compressed: by its program, which is also GNU tar's option and Debian's package. */
export type Compression = (typeof signatures)[number]["program"];

// The first bytes, as file(1) knows them.
const signatures = [
  { program: "gzip", bytes: Buffer.from([0x1f, 0x8b, 8]) },
  { program: "bzip2", bytes: Buffer.from("1AY&SY"), at: 4 },
  { program: "xz", bytes: Buffer.from([0xfd, 0x37, 0x7a, 0x58, 0x5a, 0]) },
  { program: "zstd", bytes: Buffer.from([0x28, 0xb5, 0x2f, 0xfd]) },
] as const;

/** Where every tar but the oldest has a word of its own (POSIX.1-1988 and GNU). */
const tarMagic = { at: 257, word: "ustar" };

/** How the tar in `file` is compressed; undefined when it is not. The offset of the file stays where it is. */
export async function compressionOf(file: FileHandle): Promise<Compression | undefined> {
  const start = Buffer.alloc(512);
  await file.read(start, 0, start.length, 0);
  if (start.toString("latin1", tarMagic.at, tarMagic.at + tarMagic.word.length) === tarMagic.word) return undefined;
  return signatures.find(({ bytes, ...place }) => {
    const at = "at" in place ? place.at : 0;
    return start.subarray(at, at + bytes.length).equals(bytes);
  })?.program;
}

/** GNU tar's option for it: of itself tar looks at a file only, not at what it gets on standard input. */
export function decompressing(compression: Compression | undefined): readonly string[] {
  return compression === undefined ? [] : [`--${compression}`];
}
