import { createHash } from "node:crypto";
import type { FileHandle } from "node:fs/promises";

const chunkBytes = 1024 * 1024;

/** SHA-256 of an open file from its start to its end, in hexadecimal; memory does not grow with the file. */
export async function sha256Of(file: FileHandle): Promise<string> {
  const hash = createHash("sha256");
  const chunk = Buffer.allocUnsafe(chunkBytes);
  for (let position = 0; ;) {
    const { bytesRead } = await file.read(chunk, 0, chunkBytes, position);
    if (bytesRead === 0) return hash.digest("hex");
    hash.update(chunk.subarray(0, bytesRead));
    position += bytesRead;
  }
}
