import { Interrupted, UsageError } from "../host/errors.ts";
import { failUntilSet } from "../host/process/exit-status.ts";
import type { Host } from "../host/host.ts";
import { endAfterSignal } from "../host/process/last-resort.ts";
import { installation, type Installation } from "../host/installation.ts";
import { reportFailure } from "../host/report.ts";
import { createHost } from "../host/run-host.ts";
import { catchSignals } from "../host/process/signals.ts";
import { releaseSecondsOf } from "../host/process/time-limits.ts";
import { answer } from "../host/standard-output.ts";
import { HelpRequested } from "../os-api/parse.ts";

/** Everything that an executable needs for its work. */
export interface ScriptRun {
  readonly host: Host;
  readonly installation: Installation;
  readonly environment: Readonly<Record<string, string>>;
  /** Without node and the executable's own name. */
  readonly argv: readonly string[];
  /** Sets the words for the task, for example `create of web1`, in the report of a failure. */
  readonly describe: (task: string) => void;
}

/**
 * Runs one executable to its end and sets the exit status: 0, 2 for a wrong call, 128+n after a signal, otherwise 1.
 * All output goes to stderr, except the help text and the admin command's answers.
 */
export async function runScript(name: string, script: (run: ScriptRun) => Promise<void>): Promise<void> {
  // Ganeti starts us with umask 077 or 022. The modes of our files must not depend on it.
  process.umask(0o022);
  using signals = catchSignals();
  const environment = definedOnly(process.env);
  const place = installation();
  const host = createHost({
    installation: place,
    path: environment["PATH"],
    signal: signals.signal,
    verbose: isOn(environment["DEBUG_LEVEL"]),
    terminal: process.stderr.isTTY,
    releaseSeconds: releaseSecondsOf(name),
  });
  using _ = endAfterSignal(host);
  const end = failUntilSet(host.log);
  let task = name;
  const describe = (text: string): void => {
    task = text;
  };
  try {
    await script({ host, installation: place, environment, argv: process.argv.slice(2), describe });
    // A signal during the releases stops none of them, but the last checks may be missing.
    host.signal.throwIfAborted();
    host.log.concluded();
    end(0);
  } catch (error) {
    end(statusOf(host, task, error));
  } finally {
    host.journal.close();
  }
}

function statusOf(host: Host, task: string, error: unknown): number {
  if (!(error instanceof HelpRequested)) return fail(host, task, error);
  try {
    answer(error.text);
    return 0;
  } catch (failure) {
    return fail(host, task, failure);
  }
}

function fail(host: Host, task: string, error: unknown): number {
  if (error instanceof UsageError) {
    host.log.error(error.message);
    if (error.hint !== undefined) host.log.raw(`${error.hint}\n`);
    return error.exitCode;
  }
  const status = reportFailure(host.log, task, error);
  const reason: unknown = host.signal.aborted ? host.signal.reason : undefined;
  if (!(reason instanceof Interrupted)) return status;
  // What failed on the way out, or because its time was cut short, is not why the run ended.
  if (status !== reason.exitCode) host.log.error(`${task} was ${reason.message}`);
  return reason.exitCode;
}

function isOn(level: string | undefined): boolean {
  return level !== undefined && level !== "" && level !== "0";
}

function definedOnly(environment: NodeJS.ProcessEnv): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(environment).filter((entry): entry is [string, string] => entry[1] !== undefined),
  );
}
