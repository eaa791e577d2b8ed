import { writeSync } from "node:fs";
import { hasCode, KnownError, messageOf } from "./errors.ts";

/**
 * Writes `text` to the standard output or standard error, all of it before it returns: nothing is lost when the process
 * ends. A non-blocking descriptor that is full is waited for. Throws system errors (EPIPE, ENOSPC).
 */
export function writeFully(descriptor: 1 | 2, text: string): void {
  let rest = Buffer.from(text);
  while (rest.length > 0) {
    try {
      rest = rest.subarray(writeSync(descriptor, rest));
    } catch (error) {
      if (!hasCode(error, "EAGAIN")) throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5);
    }
  }
}

/**
 * Writes an answer to the standard output. A reader that has gone, for example `head`, has read enough. Throws
 * KnownError.
 */
export function answer(text: string): void {
  try {
    writeFully(1, text);
  } catch (error) {
    if (!hasCode(error, "EPIPE")) throw new KnownError(`cannot write to the standard output: ${messageOf(error)}`);
  }
}
