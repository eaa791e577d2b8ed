import { createInterface } from "node:readline";
import type { Readable } from "node:stream";

/** Has `take` called for each line of `stream` as it comes; lines end at \n, \r or both. */
export function eachLine(stream: Readable | null | undefined, take: (line: string) => void): void {
  if (stream === null || stream === undefined) return;
  createInterface({ input: stream, crlfDelay: Infinity }).on("line", take);
}
