import type { Config } from "../../config/config.ts";
import { CommandError, CommandTimeout, KnownError, quoteArgv } from "../../host/errors.ts";
import type { Host } from "../../host/host.ts";
import { start } from "../../host/run.ts";
import { stuck } from "./debootstrap.ts";
import { engineEnvironment } from "../archive/engine-environment.ts";
import { readMmdebstrapProgress } from "../mmdebstrap-progress.ts";

/** What mmdebstrap is to do. */
export interface MmdebstrapTask {
  readonly directory: string;
  readonly mirror: string;
  readonly keyring: string;
  readonly checkSignatures: boolean;
  readonly packages: readonly string[];
  readonly options: readonly string[];
  /** Directory for its own temporary files, which stay when it is ended; undefined: its default. */
  readonly temporary: string | undefined;
}

/** Runs mmdebstrap to its end. Throws KnownError with its last words. */
export async function runMmdebstrap(host: Host, config: Config, task: MmdebstrapTask): Promise<void> {
  const argv = mmdebstrapArgv(config, task);
  const progress = readMmdebstrapProgress(host.log);
  const command = start(host, ["sh", "-c", 'exec "$@" 2>&1', "mmdebstrap", ...argv], {
    isolated: true,
    stdout: "pipe",
    stall: { what: `the bootstrap from ${task.mirror}`, seconds: config.stallTimeout },
    // In the tree it is unset by mmdebstrap.
    env: { ...(task.temporary === undefined ? {} : { TMPDIR: task.temporary }), ...engineEnvironment(config) },
  });
  let rest = "";
  command.stdout?.setEncoding("utf8").on("data", (chunk: string) => {
    const lines = (rest + chunk).split(/[\r\n]+/);
    rest = lines.pop() ?? "";
    lines.forEach(progress.line);
  });
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
  config: Config,
  task: Omit<MmdebstrapTask, "temporary">,
): readonly [string, ...string[]] {
  const { directory, mirror, keyring, checkSignatures, packages, options } = task;
  const components = config.components.length === 0 ? "main" : config.components.join(" ");
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
    `--architectures=${config.arch}`,
    ...(packages.length === 0 ? [] : [`--include=${packages.join(",")}`]),
    ...(keyring === "" || !checkSignatures ? [] : [`--keyring=${keyring}`]),
    ...options,
    config.suite,
    directory,
    `deb ${trust}${from} ${config.suite} ${components}`,
  ];
}
