import type { Log } from "../../host/log.ts";
import { mebibytes } from "../../host/size.ts";

/** Counts bytes and shows them as the progress line of a terminal. */
export interface Meter {
  readonly bytes: number;
  add(bytes: number): void;
}

const interval = 500;

/** A meter for `verb` (as `exported`). `expected` bytes, where they are known, give a share. */
export function createMeter(log: Log, verb: string, expected?: number): Meter {
  let bytes = 0;
  let shown = performance.now();
  return {
    get bytes() {
      return bytes;
    },
    add(more) {
      bytes += more;
      if (performance.now() - shown < interval) return;
      shown = performance.now();
      log.progress(`${verb} ${mebibytes(bytes)}${expected === undefined ? "" : ` of about ${mebibytes(expected)}`}`);
    },
  };
}
