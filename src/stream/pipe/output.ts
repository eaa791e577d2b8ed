import type { Host } from "../../host/host.ts";
import { start } from "../../host/process/run.ts";
import { type ByteSink, descriptorSink, streamSink } from "./byte-sink.ts";
import { compressCommand, type Compression } from "./compression.ts";

/**
 * A sink that compresses on its way to a descriptor of ours. `end` resolves when everything was handed over; `abandon`
 * ends the compressor after a failure, so that no valid end reaches the reader.
 */
export interface OutputSink extends ByteSink {
  abandon(): Promise<void>;
}

/** Opens the way to `descriptor`. */
export function openOutput(host: Host, descriptor: number, compression: Compression): OutputSink {
  if (compression === "none") {
    return { ...descriptorSink(descriptor, host.signal), abandon: () => Promise.resolve() };
  }
  const compressor = start(host, compressCommand(compression), { stdin: "pipe", stdout: descriptor });
  if (compressor.stdin === undefined) throw new Error("the compressor has no stdin");
  const sink = streamSink(compressor.stdin, host.signal);
  // A compressor that ended says more than our broken pipe to it.
  const explained = async (work: Promise<void>): Promise<void> => {
    try {
      await work;
    } catch (error) {
      await compressor.done;
      throw error;
    }
  };
  return {
    write: (bytes) => explained(sink.write(bytes)),
    async end() {
      await explained(sink.end());
      await compressor.done;
    },
    async abandon() {
      compressor.kill();
      await compressor.done.catch(() => undefined);
    },
  };
}
