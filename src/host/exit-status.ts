import type { Log } from "./log.ts";

/**
 * Counts the run as failed until the returned function sets its exit status: node ends with status 0 as soon as it has
 * nothing left to wait for, also in the middle of an `await` that nobody will settle.
 */
export function failUntilSet(log: Log): (status: number) => void {
  process.exitCode = 1;
  const onExit = (): void => {
    log.error("ended before it was finished, nobody knows why; please report it");
  };
  process.on("exit", onExit);
  return (status) => {
    process.off("exit", onExit);
    process.exitCode = status;
  };
}
