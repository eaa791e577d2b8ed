import { createReadStream, fstatSync } from "node:fs";
import { Socket } from "node:net";
import { addAbortSignal, type Readable } from "node:stream";

const fileChunk = 1024 * 1024;

/**
 * The bytes of a descriptor of ours, as stdin, until its end; the descriptor stays open. Ends with an error when the
 * signal is aborted.
 */
export function descriptorSource(descriptor: number, signal: AbortSignal): Readable {
  const kind = fstatSync(descriptor);
  const stream =
    kind.isFIFO() || kind.isSocket()
      ? new Socket({ fd: descriptor, readable: true, writable: false })
      : createReadStream("", { fd: descriptor, autoClose: false, highWaterMark: fileChunk });
  return addAbortSignal(signal, stream);
}
