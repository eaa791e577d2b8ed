import type { Tool } from "../../host/process/tools.ts";
import { toolsFor } from "../../host/process/tools-table.ts";

/** How a stream is compressed; Ganeti compresses exports on its own, so the default is none. */
export type Compression = "none" | "zstd" | "gzip";

// Four bytes of a zstd frame (RFC 8878), two of a gzip member (RFC 1952).
const magics = [
  ["zstd", Buffer.from([0x28, 0xb5, 0x2f, 0xfd])],
  ["gzip", Buffer.from([0x1f, 0x8b])],
] as const;

/** The compression of a stream by its first bytes. */
export function detectCompression(head: Buffer): Compression {
  return magics.find(([, magic]) => head.subarray(0, magic.length).equals(magic))?.[0] ?? "none";
}

/** The command that compresses its stdin. Two threads of zstd are enough for a disk; a node's other guests need the rest. */
export function compressCommand(compression: "zstd" | "gzip"): readonly [string, ...string[]] {
  return compression === "zstd" ? ["zstd", "--quiet", "-3", "-T2", "--stdout"] : ["gzip", "-6", "--stdout"];
}

/** The command that decompresses its stdin; zstd's content checksum is on by default. */
export function decompressCommand(compression: "zstd" | "gzip"): readonly [string, ...string[]] {
  return compression === "zstd"
    ? ["zstd", "--quiet", "--decompress", "--stdout"]
    : ["gzip", "--decompress", "--stdout"];
}

/** The tool a compression needs. */
export function compressionTools(compression: Compression): readonly Tool[] {
  return compression === "none" ? [] : toolsFor(compression);
}
