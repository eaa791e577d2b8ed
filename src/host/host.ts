import type { Journal } from "./journal.ts";
import type { Log } from "./log.ts";
import type { TimeLimits } from "./process/time-limits.ts";

/**
 * The parts of the machine that every room may use. They are passed down, so that a test can put fake commands on the
 * PATH and read the log.
 */
export interface Host {
  readonly log: Log;
  /** PATH of every command that is run. */
  readonly path: string;
  /** Aborted by the first SIGTERM, SIGINT or SIGHUP, with the reason an `Interrupted`. */
  readonly signal: AbortSignal;
  readonly journal: Journal;
  /** Directory for locks and journals; below /run, which a reboot empties. */
  readonly runDir: string;
  /** How long commands may take; absent: the defaults. */
  readonly limits?: TimeLimits;
  /** Seconds that releases have after a signal; absent: the default. */
  readonly releaseSeconds?: number;
}
