import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import * as z from "zod/mini";
import { ifThereSync } from "../files/absent.ts";

/** A process that cannot be mistaken for a later one with the same number. `startTime` in clock ticks since boot. */
export const processIdentitySchema = z.object({
  pid: z.int(),
  startTime: z.string(),
  /** The PID namespace in which it has that number, as `pid:[4026531836]`; absent: ours, as before it was written down. */
  namespace: z.optional(z.string()),
});
export type ProcessIdentity = z.infer<typeof processIdentitySchema>;

/** The identity of this process. */
export function ownIdentity(): ProcessIdentity {
  const namespace = namespaceOf("self");
  return {
    pid: process.pid,
    startTime: startTimeOf("self") ?? "",
    ...(namespace === undefined ? {} : { namespace }),
  };
}

/**
 * Whether that very process still runs (a zombie does not). One of another PID namespace (a container that shares /run)
 * has another number here, or cannot be seen at all: then it counts as alive.
 */
export function isAlive({ pid, startTime, namespace }: ProcessIdentity): boolean {
  const here = namespaceOf("self");
  if (namespace === undefined || namespace === here) return startTimeOf(String(pid)) === startTime;
  if (here !== initialNamespace) return true;
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name) && namespaceOf(name) === namespace)
    .some((name) => startTimeOf(name) === startTime && innermostNumber(name) === pid);
}

// PROC_PID_INIT_INO of include/linux/proc_ns.h: from there every process is seen.
const initialNamespace = "pid:[4026531836]";

function namespaceOf(pid: string): string | undefined {
  try {
    return readlinkSync(`/proc/${pid}/ns/pid`);
  } catch {
    return undefined;
  }
}

function innermostNumber(pid: string): number | undefined {
  try {
    const numbers = /^NSpid:\s*(.*)$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
    return Number(numbers?.split(/\s+/).at(-1));
  } catch {
    return undefined;
  }
}

// Field 22 of proc_pid_stat(5), counted after the command name, because that may hold spaces and brackets.
function startTimeOf(pid: string): string | undefined {
  const stat = ifThereSync(() => readFileSync(`/proc/${pid}/stat`, "utf8"), "ESRCH");
  if (stat === undefined) return undefined;
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return fields[0] === "Z" ? undefined : fields[19];
}
