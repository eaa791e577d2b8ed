import type { Log } from "../log.ts";

/**
 * Counts the run as failed until the returned function sets its exit status. Otherwise node ends with status 0 as soon
 * as it has nothing to wait for, even in the middle of an `await` that will never settle.
 */
export function failUntilSet(log: Log): (status: number) => void {
  process.exitCode = 1;
  const onExit = (): void => {
    log.error("stopped before it had finished, for an unknown reason; please report this");
  };
  process.on("exit", onExit);
  return (status) => {
    process.off("exit", onExit);
    process.exitCode = status;
  };
}
