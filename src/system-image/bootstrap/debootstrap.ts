import { readFile } from "node:fs/promises";
import { CommandError, CommandTimeout, KnownError, quoteArgv } from "../../host/errors.ts";
import type { Host } from "../../host/host.ts";
import { start } from "../../host/run.ts";
import { componentsOf, type SystemSpec } from "../system-spec.ts";
import { eachLine } from "./each-line.ts";
import { readDebootstrapProgress } from "./debootstrap-progress.ts";

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
    throw new DebootstrapFailed(argv, progress.complaints, await endOf(task.log), error);
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
    const hint = remedyFor(complaints.join("\n"));
    super(`debootstrap failed${reasons}\nthe end of its log:\n${log}\nthe command was: ${quoteArgv(argv)}`, { hint });
  }
}

// By debootstrap's own messages (1.0.141); the order is that of the steps.
const remedies: readonly (readonly [RegExp, string])[] = [
  [/no entry for .*\/binary-/i, "check ARCH and COMPONENTS: the mirror does not have them for this suite"],
  [/target architecture/i, "check ARCH: this node cannot run its programs; qemu-user-static brings an emulator"],
  [/signed by|signature|keyring/i, "check KEYRING, and that the mirror is the one of this distribution"],
  [/couldn't find these debs/i, "check EXTRA_PKGS and COMPONENTS: the mirror has no such packages in this suite"],
  [
    /getting|fetch|retriev|download|resolve/i,
    "check MIRROR, PROXY and SUITE, and whether this node reaches the mirror",
  ],
];

function remedyFor(complaints: string): string {
  const known = remedies.find(([pattern]) => pattern.test(complaints))?.[1];
  return (
    known ??
    "DEBUG_LEVEL=1 shows all that debootstrap says; a mirror that was just being updated is whole again in an hour"
  );
}

const logLines = 12;

async function endOf(log: string): Promise<string> {
  const text = await readFile(log, "utf8").catch(() => "(none)");
  return text
    .trimEnd()
    .split("\n")
    .slice(-logLines)
    .map((line) => `    ${line}`)
    .join("\n");
}
