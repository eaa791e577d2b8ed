import { fstatSync, writeSync } from "node:fs";
import { Socket } from "node:net";
import type { Writable } from "node:stream";
import { hasCode, KnownError } from "../../host/errors.ts";

/** Takes bytes in order. A write resolves when it is done with them: memory stays flat however slow the reader is. */
export interface ByteSink {
  write(bytes: Buffer): Promise<void>;
  /** Says that nothing follows; resolves when all was handed over. */
  end(): Promise<void>;
}

const coalescedBytes = 256 * 1024;

/** A sink on a stream, as the stdin of a command. Rejects with the stream's error or, once aborted, the signal's reason. */
export function streamSink(stream: Writable, signal: AbortSignal): ByteSink {
  let abandon: (reason: unknown) => void = () => undefined;
  stream.on("error", () => undefined); // told to whoever writes next
  const destroy = (): void => {
    stream.destroy(signal.reason as Error);
    // A destroyed stream does not call back for every write under way.
    abandon(signal.reason);
  };
  signal.addEventListener("abort", destroy, { once: true });
  stream.once("close", () => {
    signal.removeEventListener("abort", destroy);
  });
  const settle = (begin: (callback: (error?: Error | null) => void) => void): Promise<void> =>
    new Promise((resolve, reject) => {
      signal.throwIfAborted();
      abandon = reject;
      begin((error) => {
        if (error) reject(error);
        else resolve();
      });
    });
  return {
    write: (bytes) => settle((callback) => stream.write(bytes, callback)),
    end: () => settle((callback) => stream.end(callback)),
  };
}

/** A sink on a descriptor of ours, as stdout. Pipes and sockets are waited for by the event loop: a blocked write(2) would outlast a signal. */
export function descriptorSink(descriptor: number, signal: AbortSignal): ByteSink {
  const kind = fstatSync(descriptor);
  if (kind.isFIFO() || kind.isSocket()) {
    return explained(streamSink(new Socket({ fd: descriptor, readable: false, writable: true }), signal));
  }
  return explained({
    // A file takes what it is given: a thread for each write would only cost time.
    write(bytes) {
      signal.throwIfAborted();
      for (let rest = bytes; rest.length > 0;) rest = rest.subarray(writeSync(descriptor, rest));
      return Promise.resolve();
    },
    end: () => Promise.resolve(),
  });
}

/** Gathers small writes into large ones; large ones pass uncopied. */
export function coalescing(sink: ByteSink): ByteSink {
  const gathered = Buffer.allocUnsafeSlow(coalescedBytes);
  let length = 0;
  const flush = async (): Promise<void> => {
    if (length === 0) return;
    const bytes = gathered.subarray(0, length);
    length = 0;
    await sink.write(bytes);
  };
  return {
    async write(bytes) {
      if (bytes.length > coalescedBytes - length || bytes.length >= coalescedBytes / 8) await flush();
      if (bytes.length >= coalescedBytes / 8) await sink.write(bytes);
      else length += bytes.copy(gathered, length);
    },
    async end() {
      await flush();
      await sink.end();
    },
  };
}

/** Whether writing failed because the command that reads has closed its end: it has read enough, or has ended. */
export function isBrokenPipe(error: unknown): boolean {
  return hasCode(error, "EPIPE", "ECONNRESET", "ERR_STREAM_DESTROYED");
}

function explained(sink: ByteSink): ByteSink {
  const explaining = async (work: () => Promise<void>): Promise<void> => {
    try {
      await work();
    } catch (error) {
      if (!hasCode(error, "EPIPE", "ECONNRESET", "EBADF", "ENOSPC", "EIO")) throw error;
      throw new KnownError("the backup cannot be written: what receives it is gone or full", {
        cause: error,
        hint: "look at what reads the export: Ganeti's import-export daemon, the target node, its disk space",
      });
    }
  };
  return { write: (bytes) => explaining(() => sink.write(bytes)), end: () => explaining(() => sink.end()) };
}
