import type { Host } from "../host.ts";
import { releaseTimeLeft } from "./time-limits.ts";

/** Watches over the time that a command takes. */
export interface TimeGuard {
  /** Seconds after which the command was killed, or undefined. */
  readonly expiredAfter: number | undefined;
  /** Settles when the command was killed and does not end: it waits in the kernel. Never settles otherwise. */
  readonly unkillable: Promise<"unkillable">;
  /** Kills it, and waits for it no longer than for one that took too long. */
  end(): void;
  stop(): void;
}

interface Watched {
  readonly shielded: boolean;
  /** Undefined: no bound. */
  readonly seconds: number | undefined;
  readonly kill: () => void;
}

const second = 1000;

/**
 * Kills a command that takes longer than `seconds`. After a signal one that is not shielded is killed at once, and one
 * that is gets the time that releases have. No process in uninterruptible sleep (a disk that does not answer) can be
 * killed: it is not waited for.
 */
export function guardTime(host: Host, { shielded, seconds, kill }: Watched): TimeGuard {
  const timers = new Set<NodeJS.Timeout>();
  let expiredAfter: number | undefined;
  let giveUp: (value: "unkillable") => void;
  const unkillable = new Promise<"unkillable">((resolve) => {
    giveUp = resolve;
  });
  const after = (delay: number, act: () => void): void => {
    // The longest that a timer takes is 24.8 days.
    timers.add(setTimeout(act, Math.min(delay * second, 2 ** 31 - 1)));
  };
  const end = (): void => {
    kill();
    after(host.signal.aborted ? 0.3 : 5, () => {
      giveUp("unkillable");
    });
  };
  const expireAfter = (limit: number): void => {
    after(limit, () => {
      expiredAfter ??= limit;
      end();
    });
  };
  const onAbort = (): void => {
    if (shielded) expireAfter(releaseTimeLeft(host));
    else end();
  };
  if (seconds !== undefined) expireAfter(seconds);
  if (host.signal.aborted) onAbort();
  else host.signal.addEventListener("abort", onAbort, { once: true });
  return {
    get expiredAfter() {
      return expiredAfter;
    },
    unkillable,
    end,
    stop() {
      host.signal.removeEventListener("abort", onAbort);
      for (const timer of timers) clearTimeout(timer);
    },
  };
}
