import { readFileSync } from "node:fs";
import * as z from "zod/mini";
import { ifThereSync } from "./absent.ts";

/** A process that cannot be mistaken for a later one with the same number. `startTime` in clock ticks since boot. */
export const processIdentitySchema = z.object({ pid: z.int(), startTime: z.string() });
export type ProcessIdentity = z.infer<typeof processIdentitySchema>;

/** Who we are. */
export function ownIdentity(): ProcessIdentity {
  return { pid: process.pid, startTime: startTimeOf("self") ?? "" };
}

/** Whether that very process still runs (a zombie does not). */
export function isAlive({ pid, startTime }: ProcessIdentity): boolean {
  return startTimeOf(String(pid)) === startTime;
}

// Field 22 of proc_pid_stat(5); counted behind the command name, which may hold spaces and brackets.
function startTimeOf(pid: string): string | undefined {
  const stat = ifThereSync(() => readFileSync(`/proc/${pid}/stat`, "utf8"), "ESRCH");
  if (stat === undefined) return undefined;
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return fields[0] === "Z" ? undefined : fields[19];
}
