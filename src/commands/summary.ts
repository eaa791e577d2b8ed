import type { Log } from "../host/log.ts";

/**
 * The closing lines of a run, said once everything is released: what was done, then where the time went. They fit the 20
 * lines that Ganeti shows.
 */
export function say(log: Log, done: string, facts: readonly string[]): void {
  log.conclude(() => {
    log.progress(undefined);
    log.info(`${done}: ${facts.join(", ")}`);
    const total = performance.now() / 1000; // since this process started
    const phases = log.phases.map(({ name, seconds }) => `${name} ${seconds.toFixed(2)}`);
    log.info(`${total.toFixed(2)} s in all: ${phases.join(", ")}`);
  });
}
