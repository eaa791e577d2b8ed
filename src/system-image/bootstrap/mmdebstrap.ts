import { CommandError, CommandTimeout, KnownError, quoteArgv } from "../../host/errors.ts";
import type { Host } from "../../host/host.ts";
import { start } from "../../host/process/run.ts";
import { componentsOf, type SystemSpec } from "../spec/system-spec.ts";
import { stuck } from "./debootstrap.ts";
import { eachLine } from "./each-line.ts";
import { readMmdebstrapProgress } from "./mmdebstrap-progress.ts";

/** What mmdebstrap is to do. */
export interface MmdebstrapTask {
  readonly spec: Pick<SystemSpec, "suite" | "arch" | "components" | "options">;
  readonly environment: Record<string, string>;
  /** Seconds without progress after which it is ended. */
  readonly stallTimeout: number;
  readonly directory: string;
  readonly mirror: string;
  readonly keyring: string;
  readonly checkSignatures: boolean;
  readonly packages: readonly string[];
  /** Directory for its own temporary files, which stay when it is ended; undefined: its default. */
  readonly temporary: string | undefined;
}

/** Runs mmdebstrap to its end. Throws KnownError with its last words. */
export async function runMmdebstrap(host: Host, task: MmdebstrapTask): Promise<void> {
  const argv = mmdebstrapArgv(task);
  const progress = readMmdebstrapProgress(host.log);
  const command = start(host, ["sh", "-c", 'exec "$@" 2>&1', "mmdebstrap", ...argv], {
    isolated: true,
    stdout: "pipe",
    stall: { what: `the bootstrap from ${task.mirror}`, seconds: task.stallTimeout },
    // In the tree it is unset by mmdebstrap.
    env: { ...(task.temporary === undefined ? {} : { TMPDIR: task.temporary }), ...task.environment },
  });
  eachLine(command.stdout, progress.line);
  try {
    await command.done;
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    if (error instanceof CommandTimeout) throw stuck(error, task.mirror);
    const words = progress.last.map((line) => `    ${line}`).join("\n");
    throw new KnownError(`mmdebstrap failed:\n${words}`, {
      cause: error,
      hint: `the command was: ${quoteArgv(argv)}`,
    });
  } finally {
    progress.end();
  }
}

/**
 * The command line for one task. `important` is what debootstrap installs; one apt line with one suite, as debootstrap
 * writes it: of itself mmdebstrap would add the updates and security suites of a stable release.
 */
export function mmdebstrapArgv(
  task: Omit<MmdebstrapTask, "temporary" | "environment" | "stallTimeout">,
): readonly [string, ...string[]] {
  const { spec, directory, mirror, keyring, checkSignatures, packages } = task;
  const components = componentsOf(spec).join(" ");
  const trust = checkSignatures ? "" : "[trusted=yes] ";
  // From a file: mirror apt would have dpkg read packages that are not inside the tree; copy: puts them there.
  const from = mirror.replace(/^file:/, "copy:");
  return [
    "mmdebstrap",
    "--mode=root",
    "--format=directory",
    "--variant=important",
    "--dpkgopt=force-unsafe-io",
    // Kept as debootstrap keeps them: hooks install packages without an update before.
    "--skip=cleanup/apt/lists",
    `--architectures=${spec.arch}`,
    ...(packages.length === 0 ? [] : [`--include=${packages.join(",")}`]),
    ...(keyring === "" || !checkSignatures ? [] : [`--keyring=${keyring}`]),
    ...spec.options,
    spec.suite,
    directory,
    `deb ${trust}${from} ${spec.suite} ${components}`,
  ];
}
