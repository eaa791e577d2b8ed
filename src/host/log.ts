import { performance } from "node:perf_hooks";
import { printableLines } from "./printable.ts";
import { writeFully } from "./standard-output.ts";

/** One finished step of a run. */
export interface Phase {
  readonly name: string;
  readonly seconds: number;
}

/**
 * The messages of a run. They are plain lines on stderr, each with its level, because Ganeti shows the last 20 of them
 * to its user and stdout may be a backup. On a terminal a progress line is kept below the last line.
 */
export interface Log {
  /** From now on debug lines are shown: a setting asks for them. */
  setVerbose(): void;
  readonly phases: readonly Phase[];
  /** The innermost step that failed with `error` or with its cause, if any did. */
  failedPhase(error: unknown): string | undefined;
  debug(message: string): void;
  info(message: string): void;
  warn(message: string): void;
  error(message: string): void;
  /** Runs one step, logs its name with the seconds it took, and keeps both for the summary. */
  phase<T>(name: string, work: () => Promise<T>): Promise<T>;
  /** Keeps what is to be said when all that was held is released: success is not true before. */
  conclude(lines: () => void): void;
  /** Says it. */
  concluded(): void;
  /** Shows `text` as the progress line of a terminal (nothing elsewhere); `undefined` removes it. */
  progress(text: string | undefined): void;
  /** Passes output of a command through as it is. */
  raw(text: string): void;
}

export interface LogOptions {
  readonly verbose?: boolean;
  readonly terminal?: boolean;
  readonly write?: (text: string) => void;
}

// Of one message: the output of a command that is passed on is not cut.
const mostLines = 200;

/** A log on stderr, or on `options.write`. `verbose` (DEBUG_LEVEL=1) adds the debug lines. */
export function createLog(options: LogOptions = {}): Log {
  let verbose = options.verbose ?? false;
  const terminal = options.terminal ?? false;
  const write = options.write ?? writeStderr;
  const phases: Phase[] = [];
  const failedPhases = new WeakMap<Error, string>();
  let progressShown = false;
  let conclusion: (() => void) | undefined;

  const clearProgress = (): void => {
    if (progressShown) write("\r\u001b[K");
    progressShown = false;
  };
  const line = (level: string, message: string): void => {
    clearProgress();
    write(`${level}: ${printableLines(maskCredentials(message), mostLines)}\n`);
  };
  return {
    setVerbose() {
      verbose = true;
    },
    phases,
    failedPhase: (error) => causesOf(error).flatMap((cause) => failedPhases.get(cause) ?? [])[0],
    debug: (message) => {
      if (verbose) line("debug", message);
    },
    info: (message) => {
      line("info", message);
    },
    warn: (message) => {
      line("warning", message);
    },
    error: (message) => {
      line("error", message);
    },
    async phase(name, work) {
      const start = performance.now();
      if (verbose) line("debug", `${name} ...`);
      const result = await work().catch((error: unknown) => {
        if (error instanceof Error && !causesOf(error).some((cause) => failedPhases.has(cause)))
          failedPhases.set(error, name);
        throw error;
      });
      const seconds = (performance.now() - start) / 1000;
      phases.push({ name, seconds });
      line("info", `${name} (${seconds.toFixed(2)} s)`);
      return result;
    },
    conclude(lines) {
      conclusion = lines;
    },
    concluded() {
      conclusion?.();
    },
    progress(text) {
      if (!terminal) return;
      clearProgress();
      if (text === undefined) return;
      write(maskCredentials(text));
      progressShown = true;
    },
    raw(text) {
      clearProgress();
      write(printableLines(maskCredentials(text)));
    },
  };
}

// The innermost first.
function causesOf(error: unknown): readonly Error[] {
  return error instanceof Error ? [...causesOf(error.cause), error] : [];
}

/** `text` with the credentials of URLs (http://user:secret@proxy) masked: settings reach the log by many ways. */
export function maskCredentials(text: string): string {
  return text.replaceAll(/(\b[a-z][a-z0-9+.-]*:\/\/)[^\s/'"]+@/gi, "$1***@");
}

// Silent when Ganeti's end of the pipe is gone: an unread log must not stop a run halfway through a disk.
function writeStderr(text: string): void {
  try {
    writeFully(2, text);
  } catch {
    return;
  }
}
