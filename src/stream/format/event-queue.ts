import type { Meter } from "../pipe/meter.ts";
import { createTarScanner, type TarEvent } from "./tar-scanner.ts";

/** What a scanner finds in a stream, one event after the other. */
export interface EventQueue {
  /** Whether the stream may end here. */
  readonly ended: boolean;
  /** The event that comes next, undefined at the end of the input. */
  peek(): Promise<TarEvent | undefined>;
  shift(): void;
}

/** Scans `chunks` while their events are asked for. */
export function createEventQueue(chunks: AsyncIterable<Buffer>, meter: Meter): EventQueue {
  const scanner = createTarScanner();
  const iterator = chunks[Symbol.asyncIterator]();
  let queue: readonly TarEvent[] = [];
  let at = 0;
  return {
    get ended() {
      return scanner.ended;
    },
    async peek() {
      while (at === queue.length) {
        const next = await iterator.next();
        if (next.done === true) return undefined;
        meter.add(next.value.length);
        queue = scanner.push(next.value);
        at = 0;
      }
      return queue[at];
    },
    shift() {
      at += 1;
    },
  };
}
