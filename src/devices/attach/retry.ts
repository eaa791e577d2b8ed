import { setTimeout as sleep } from "node:timers/promises";
import type { Host } from "../../host/host.ts";
import { releaseTimeLeft } from "../../host/process/time-limits.ts";

/**
 * Calls `attempt` again, with growing pauses, until it returns something other than undefined. Returns undefined when
 * `seconds` are over. It serves releases: a signal does not end it, but limits it to the time that releases have.
 */
export async function retryFor<T>(
  host: Pick<Host, "signal" | "releaseSeconds">,
  seconds: number,
  attempt: (round: number) => Promise<T | undefined> | T | undefined,
): Promise<T | undefined> {
  const end = performance.now() + seconds * 1000;
  let lastCall = Infinity;
  for (let round = 0; ; round++) {
    const result = await attempt(round);
    if (lastCall === Infinity && host.signal.aborted) lastCall = performance.now() + releaseTimeLeft(host) * 1000;
    const left = Math.min(end, lastCall) - performance.now();
    if (result !== undefined || left <= 0) return result;
    await sleep(Math.min(10 * 2 ** Math.min(round, 5), Math.max(1, left)));
  }
}
