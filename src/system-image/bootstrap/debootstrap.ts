import { open } from "node:fs/promises";
import { CommandError, CommandTimeout, KnownError, quoteArgv } from "../../host/errors.ts";
import type { Host } from "../../host/host.ts";
import { start } from "../../host/process/run.ts";
import { componentsOf, type SystemSpec } from "../spec/system-spec.ts";
import { eachLine } from "./each-line.ts";
import { readDebootstrapProgress } from "./debootstrap-progress.ts";
import { causeOf } from "./remedies.ts";

/** What debootstrap is to do. */
export interface DebootstrapTask {
  readonly spec: Pick<SystemSpec, "suite" | "arch" | "components" | "options">;
  readonly environment: Record<string, string>;
  /** Seconds without progress after which it is ended. */
  readonly stallTimeout: number;
  readonly directory: string;
  readonly log: string;
  readonly mirror: string;
  /** Empty: the one that the suite's script names. */
  readonly keyring: string;
  readonly checkSignatures: boolean;
  readonly packages: readonly string[];
  /** A suite script instead of debootstrap's own; only with a mirror. */
  readonly script: string | undefined;
}

// Descriptor 3 is where it reports progress; everything else it says is the log of the run.
const reporting = 'log=$1; shift; exec 3>&1 >>"$log" 2>&1; exec "$@"';

/** Runs debootstrap to its end. Throws KnownError with its own words. */
export async function runDebootstrap(host: Host, task: DebootstrapTask): Promise<void> {
  const argv = debootstrapArgv(task);
  const progress = readDebootstrapProgress(host.log);
  const command = start(host, ["sh", "-c", reporting, "debootstrap", task.log, ...argv], {
    isolated: true,
    stdout: "pipe",
    stall: { what: `the bootstrap from ${task.mirror}`, seconds: task.stallTimeout },
    env: task.environment,
  });
  eachLine(command.stdout, progress.line);
  try {
    await command.done;
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    if (error instanceof CommandTimeout) throw stuck(error, task.mirror);
    throw new DebootstrapFailed(argv, progress.complaints, await readLog(task.log), error);
  } finally {
    progress.end();
  }
}

/** The error of an engine that stood still. */
export function stuck(error: CommandTimeout, mirror: string): KnownError {
  return new KnownError(`the bootstrap from ${mirror} stands still: ${error.message}`, {
    cause: error,
    hint: "check whether the mirror answers this node (MIRROR, PROXY); STALL_TIMEOUT says how long it is waited for",
  });
}

/** The command line for one task; the administrator's own options come last. */
export function debootstrapArgv(
  task: Omit<DebootstrapTask, "log" | "environment" | "stallTimeout">,
): readonly string[] {
  const { spec, directory, mirror, keyring, checkSignatures, packages, script } = task;
  return [
    "debootstrap",
    "--debian-installer",
    `--arch=${spec.arch}`,
    ...(spec.components.length === 0 ? [] : [`--components=${componentsOf(spec).join(",")}`]),
    ...(packages.length === 0 ? [] : [`--include=${packages.join(",")}`]),
    ...(keyring === "" || !checkSignatures ? [] : [`--keyring=${keyring}`]),
    checkSignatures ? "--force-check-gpg" : "--no-check-gpg",
    ...spec.options,
    spec.suite,
    directory,
    mirror,
    ...(script === undefined ? [] : [script]),
  ];
}

/** debootstrap ended with an error. */
export class DebootstrapFailed extends KnownError {
  override readonly name = "DebootstrapFailed";

  constructor(argv: readonly string[], complaints: readonly string[], log: string, { outcome }: CommandError) {
    const reasons =
      complaints.length === 0 ? ` with status ${String(outcome.exitCode)}` : `: ${complaints.slice(-5).join("; ")}`;
    const cause = causeOf({ complaints: complaints.join("\n"), log });
    const end = lastLines(log);
    const earlier = cause?.line === undefined || end.includes(cause.line) ? "" : `\nin its log: ${cause.line}`;
    const told = `${earlier}\nthe end of its log:\n${indented(end)}\nthe command was: ${quoteArgv(argv)}`;
    super(`debootstrap failed${reasons}${told}`, { hint: cause?.remedy ?? unknownCause });
  }
}

const unknownCause = "DEBUG_LEVEL=1 shows all that debootstrap says; BOOTSTRAP=mmdebstrap is another way to the same";
const logLines = 12;

/** Of a larger log the end is read: what went wrong made it stop. */
const logBytes = 8 * 1024 * 1024;

async function readLog(path: string): Promise<string> {
  try {
    const file = await open(path, "r");
    try {
      const { size } = await file.stat();
      const start = Math.max(0, size - logBytes);
      const { buffer, bytesRead } = await file.read(Buffer.alloc(size - start), 0, size - start, start);
      return buffer.toString("utf8", 0, bytesRead);
    } finally {
      await file.close();
    }
  } catch {
    return "(none)";
  }
}

function lastLines(log: string): string {
  return log.trimEnd().split("\n").slice(-logLines).join("\n");
}

function indented(text: string): string {
  return text
    .split("\n")
    .map((line) => `    ${line}`)
    .join("\n");
}
