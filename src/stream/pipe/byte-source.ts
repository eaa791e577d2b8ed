import { createReadStream, fstatSync, open, read } from "node:fs";
import { Socket } from "node:net";
import { addAbortSignal, type Readable } from "node:stream";

const fileChunk = 1024 * 1024;

// A destroyed stream closes its descriptor even without autoClose; the number could then become another file's.
const keptOpen = {
  open,
  read,
  close: (_descriptor: number, done: () => void): void => {
    done();
  },
};

/**
 * The bytes of a descriptor of ours, as stdin, until its end; the descriptor stays open. Ends with an error when the
 * signal is aborted.
 */
export function descriptorSource(descriptor: number, signal: AbortSignal): Readable {
  const kind = fstatSync(descriptor);
  const stream =
    kind.isFIFO() || kind.isSocket()
      ? new Socket({ fd: descriptor, readable: true, writable: false })
      : createReadStream("", { fd: descriptor, autoClose: false, highWaterMark: fileChunk, fs: keptOpen });
  return addAbortSignal(signal, stream);
}
