import { Interrupted } from "../errors.ts";
import type { Host } from "../host.ts";
import { describeEntry } from "../journal.ts";
import { releaseTimeLeft } from "./time-limits.ts";

/**
 * Ends this process when a signal came and all that is to be released takes too long: says what is left, which the
 * journal keeps for the next start. By the signal itself, because an exit would wait for calls that hang in the kernel.
 */
export function endAfterSignal(host: Host): Disposable {
  let timer: NodeJS.Timeout | undefined;
  const onAbort = (): void => {
    timer = setTimeout(
      () => {
        end(host);
      },
      (releaseTimeLeft(host) + 1.1) * 1000,
    );
  };
  host.signal.addEventListener("abort", onAbort, { once: true });
  return {
    [Symbol.dispose]() {
      host.signal.removeEventListener("abort", onAbort);
      clearTimeout(timer);
    },
  };
}

function end(host: Host): void {
  const reason: unknown = host.signal.reason;
  const signal = reason instanceof Interrupted ? reason.signal : "SIGTERM";
  const left = host.journal.open().map(describeEntry);
  const what = left.length === 0 ? "a release does not end" : `not released: ${left.join(", ")}`;
  host.log.error(`ended by ${signal} before all was released; ${what}`);
  host.log.error("remedy: the next run releases it, or `ganeti-instance-debootstrap gc`");
  process.removeAllListeners(signal);
  process.kill(process.pid, signal);
}
