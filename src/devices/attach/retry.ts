import { setTimeout as sleep } from "node:timers/promises";

/**
 * Asks `attempt` again, with growing pauses, until it gives something other than undefined or `seconds` are over;
 * then undefined. It does not end early on a signal: it serves releases.
 */
export async function retryFor<T>(
  seconds: number,
  attempt: (round: number) => Promise<T | undefined> | T | undefined,
): Promise<T | undefined> {
  const end = performance.now() + seconds * 1000;
  for (let round = 0; ; round++) {
    const result = await attempt(round);
    if (result !== undefined || performance.now() >= end) return result;
    await sleep(Math.min(10 * 2 ** Math.min(round, 5), Math.max(1, end - performance.now())));
  }
}
