import { flattenSuppressed, KnownError, messageOf } from "./errors.ts";
import type { Log } from "./log.ts";

/**
 * Reports why a run failed, in the last lines of its log: Ganeti shows its user no more than 20. The cause comes first,
 * with the failing command's own output; then failures of the clean-up; last the remedy. Returns the exit status.
 */
export function reportFailure(log: Log, task: string, error: unknown): number {
  log.progress(undefined);
  const [cause, ...later] = flattenSuppressed(error);
  const phase = log.failedPhase(cause);
  const step = phase === undefined ? "" : ` in the step "${phase}"`;
  log.error(`${task} failed${step}: ${describe(cause)}`);
  for (const failure of later) log.error(`while cleaning up: ${describe(failure)}`);
  for (const hint of hintsOf([cause, ...later])) log.error(`remedy: ${hint}`);
  return cause instanceof KnownError ? cause.exitCode : 1;
}

/** The message of a known error and of its causes; of a bug, the stack. */
export function describe(error: unknown): string {
  if (!(error instanceof KnownError)) {
    const stack = error instanceof Error ? error.stack : undefined;
    return `unexpected error, please report it: ${stack ?? messageOf(error)}`;
  }
  const cause = error.cause === undefined ? "" : messageOf(error.cause);
  return cause === "" || error.message.includes(cause) ? error.message : `${error.message}: ${cause}`;
}

function hintsOf(errors: readonly unknown[]): ReadonlySet<string> {
  return new Set(
    errors.flatMap((error) => (error instanceof KnownError && error.hint !== undefined ? [error.hint] : [])),
  );
}
