import { setMaxListeners } from "node:events";
import { Interrupted } from "../errors.ts";

const caught = ["SIGTERM", "SIGINT", "SIGHUP"] as const;

/** Signals turned into an error; `dispose` gives them their default meaning back. */
export interface CaughtSignals extends Disposable {
  readonly signal: AbortSignal;
}

/**
 * From now on the first SIGTERM, SIGINT or SIGHUP aborts `signal` with an Interrupted: the running command's tree is
 * ended, then ordinary unwinding releases everything. Further ones are ignored, because a release cut short would leak;
 * recovery deals with SIGKILL. An uncaught error aborts as well, for the same reason.
 */
export function catchSignals(): CaughtSignals {
  const controller = new AbortController();
  // One listener per command under way; a leak warning on stderr would only confuse.
  setMaxListeners(0, controller.signal);
  const abort = (reason: unknown): void => {
    if (!controller.signal.aborted) controller.abort(reason);
  };
  const onSignal = (name: NodeJS.Signals): void => {
    abort(new Interrupted(name));
  };
  for (const name of caught) process.on(name, onSignal);
  // A rejection that nobody handled comes here too.
  process.on("uncaughtException", abort);
  return {
    signal: controller.signal,
    [Symbol.dispose]() {
      for (const name of caught) process.off(name, onSignal);
      process.off("uncaughtException", abort);
    },
  };
}
