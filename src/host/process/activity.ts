import { readdirSync, readFileSync } from "node:fs";

// Less than this does not count as work: retrying a connection, or waiting in a loop.
const ticks = 100;
const bytes = 262_144;

/**
 * What `pid` and all that it started have done so far, as a text that changes while they work: processor time in steps of
 * a second, bytes read and written in steps of 256 KiB (proc_pid_stat(5), proc_pid_io(5)).
 */
export function activityOf(pid: number): string {
  const family = descendants(pid);
  const cpu = family.reduce((sum, { cpu }) => sum + cpu, 0);
  const io = family.reduce((sum, process) => sum + ioOf(process.pid), 0);
  return `${String(Math.floor(cpu / ticks))} ${String(Math.floor(io / bytes))}`;
}

interface Process {
  readonly pid: number;
  readonly parent: number;
  /** In clock ticks, with what its children had used that have ended. */
  readonly cpu: number;
}

function descendants(pid: number): readonly Process[] {
  const all = readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => readProcess(Number(name)) ?? []);
  const found = all.filter((process) => process.pid === pid);
  for (const ancestor of found) found.push(...all.filter(({ parent }) => parent === ancestor.pid));
  return found;
}

// Counted behind the command name, which may hold spaces and brackets.
function readProcess(pid: number): Process | undefined {
  const stat = readQuietly(`/proc/${String(pid)}/stat`);
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  if (fields.length < 15) return undefined;
  const cpu = fields.slice(11, 15).reduce((sum, field) => sum + Number(field), 0);
  return { pid, parent: Number(fields[1]), cpu };
}

function ioOf(pid: number): number {
  const [, read = "0", written = "0"] =
    /^rchar: (\d+)\nwchar: (\d+)$/m.exec(readQuietly(`/proc/${String(pid)}/io`)) ?? [];
  return Number(read) + Number(written);
}

// Processes come and go.
function readQuietly(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}
