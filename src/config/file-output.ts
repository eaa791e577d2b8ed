import type { Log } from "../host/log.ts";

/** What settings files print, on its way to the log. */
export interface FileOutput {
  /** The log, with `raw` for the output of the shell. */
  readonly log: Log;
  /** What bash itself complained of, by file and line, so far: not logged. */
  readonly complaints: readonly string[];
}

/** Enough for `set -x` in both files; a loop that prints for ever fills no disk. */
const mostBytes = 65_536;
const mostComplaints = 20;

/**
 * Passes output on to `log` until there was too much of it, and holds back bash's complaints, which belong to the error
 * that ends the run.
 */
export function fileOutput(log: Log): FileOutput {
  const complaints: string[] = [];
  let bytes = 0;
  const pass = (line: string): void => {
    if (bytes > mostBytes) return;
    bytes += line.length;
    if (bytes > mostBytes) log.warn("the settings files print much; the rest is not logged");
    else log.raw(line);
  };
  const raw = (text: string): void => {
    if (bytes > mostBytes && complaints.length >= mostComplaints) return;
    for (const line of text.match(/[^\n]*\n|[^\n]+/g) ?? []) {
      if (isComplaint(line) && complaints.length < mostComplaints) complaints.push(line.trimEnd());
      else pass(line);
    }
  };
  return { log: { ...log, raw }, complaints };
}

/** Those of `complaints` that none of `told` repeats. */
export function untold(complaints: readonly string[], told: readonly string[]): readonly string[] {
  return complaints.filter((complaint) => {
    const asProblem = complaint.replace(/: line ([0-9]+): /, " line $1: ");
    return !told.some((text) => text.includes(complaint) || text.includes(asProblem));
  });
}

// As bash has it (error.c, since 2.0): FILE: line N: MESSAGE.
function isComplaint(line: string): boolean {
  return /^\/[^:]*: line [0-9]+: /.test(line);
}
