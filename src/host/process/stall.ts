import type { Host } from "../host.ts";
import { activityOf } from "./activity.ts";

/** When a command that may take long counts as stuck. */
export interface Stall {
  /** What does not move, for the log, for example `the bootstrap from http://mirror.example.com/debian`. */
  readonly what: string;
  /** Seconds without any progress after which it is ended; 0: never. */
  readonly seconds: number;
  /** What changes while it makes progress; default: what its processes do ({@link activityOf}). */
  readonly progress?: () => unknown;
  /** Seconds between two lines about it; default 60. */
  readonly sayEverySeconds?: number;
}

/** Watches whether a command makes progress. */
export interface StallWatch {
  /** Seconds without progress after which it was ended, or undefined. */
  readonly endedAfter: number | undefined;
  stop(): void;
}

const noWatch: StallWatch = { endedAfter: undefined, stop: () => undefined };

/** Says every minute that a command makes no progress, and calls `end` when it made none for the time that it has. */
export function watchForStall(
  host: Host,
  pid: number | undefined,
  stall: Stall | undefined,
  end: () => void,
): StallWatch {
  if (stall === undefined || pid === undefined) return noWatch;
  const { what, seconds, sayEverySeconds = 60 } = stall;
  const progress = stall.progress ?? (() => activityOf(pid));
  let last = { state: "", at: performance.now(), said: 0 };
  let endedAfter: number | undefined;
  const look = async (): Promise<void> => {
    const state = String(await progress());
    const still = (performance.now() - last.at) / 1000;
    if (state !== last.state) last = { state, at: performance.now(), said: 0 };
    else if (seconds > 0 && still >= seconds && endedAfter === undefined) {
      endedAfter = seconds;
      end();
    } else if (still >= last.said + sayEverySeconds) {
      last = { ...last, said: still };
      host.log.info(`${what} has made no progress for ${still.toFixed(0)} s${bound(seconds)}`);
    }
  };
  const timer = setInterval(
    () => {
      // A process that cannot be looked at must not end anything.
      look().catch(() => undefined);
    },
    Math.min(seconds > 0 ? seconds / 4 : Infinity, 10) * 1000,
  );
  return {
    get endedAfter() {
      return endedAfter;
    },
    stop: () => {
      clearInterval(timer);
    },
  };
}

function bound(seconds: number): string {
  return seconds > 0 ? ` (it is ended after ${String(seconds)} s, STALL_TIMEOUT)` : "";
}
