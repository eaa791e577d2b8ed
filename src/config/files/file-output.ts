import type { Log } from "../../host/log.ts";

/** The output of settings files, on its way to the log. */
export interface FileOutput {
  /** The log, with `raw` for the output of the shell. */
  readonly log: Log;
  /** The errors that bash itself has reported so far, by file and line. They are not logged. */
  readonly complaints: readonly string[];
}

/** Enough for `set -x` in both files. A loop that prints for ever does not fill a disk. */
const mostBytes = 65_536;
const mostComplaints = 20;

/**
 * Passes output on to `log` until there was too much of it. It holds back bash's own errors, because they belong to the
 * error that ends the run.
 */
export function fileOutput(log: Log): FileOutput {
  const complaints: string[] = [];
  let bytes = 0;
  const pass = (line: string): void => {
    if (bytes > mostBytes) return;
    bytes += line.length;
    if (bytes > mostBytes) log.warn("the settings files print too much; the rest is not logged");
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

/** The `complaints` that are not already part of a text in `told`. */
export function untold(complaints: readonly string[], told: readonly string[]): readonly string[] {
  return complaints.filter((complaint) => {
    const asProblem = complaint.replace(/: line ([0-9]+): /, " line $1: ");
    return !told.some((text) => text.includes(complaint) || text.includes(asProblem));
  });
}

// The form of bash's errors (error.c, since 2.0): FILE: line N: MESSAGE.
function isComplaint(line: string): boolean {
  return /^\/[^:]*: line [0-9]+: /.test(line);
}
