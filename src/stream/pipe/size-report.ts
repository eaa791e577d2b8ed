import { closeSync, writeSync } from "node:fs";
import { messageOf } from "../../host/errors.ts";
import type { Host } from "../../host/host.ts";

/**
 * Tells Ganeti the estimated bytes of the stream: once, a number and a newline on the descriptor it named (EXP_SIZE_FD),
 * which is then closed. It serves only for a remaining time, so a reader that is gone is no error.
 */
export function reportSize(host: Host, descriptor: number | undefined, bytes: number): void {
  if (descriptor === undefined) return;
  try {
    writeSync(descriptor, `${String(Math.ceil(bytes))}\n`);
    closeSync(descriptor);
  } catch (error) {
    host.log.debug(`the size of the export could not be told on descriptor ${String(descriptor)}: ${messageOf(error)}`);
  }
}
