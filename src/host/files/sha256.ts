import { createHash } from "node:crypto";
import type { FileHandle } from "node:fs/promises";
import { pipeline } from "node:stream/promises";

const chunkBytes = 1024 * 1024;

/**
 * SHA-256 of an open file from byte `start` to its end, in hexadecimal; memory does not grow with the file. Throws the
 * reason of `signal` when it is aborted.
 */
export async function sha256Of(file: FileHandle, signal?: AbortSignal, start = 0): Promise<string> {
  const hash = createHash("sha256");
  const bytes = file.createReadStream({ start, autoClose: false, highWaterMark: chunkBytes });
  try {
    await pipeline(bytes, hash, signal === undefined ? {} : { signal });
  } catch (error) {
    signal?.throwIfAborted();
    throw error;
  }
  return hash.digest("hex");
}
