import type { Config } from "../config/config.ts";
import type { Host } from "../host/host.ts";
import { run } from "../host/run.ts";
import { engineEnvironment } from "./engine-environment.ts";

/** What mmdebstrap is to do. */
export interface MmdebstrapTask {
  readonly directory: string;
  readonly mirror: string;
  readonly keyring: string;
  readonly checkSignatures: boolean;
  readonly packages: readonly string[];
  readonly options: readonly string[];
}

/** Runs mmdebstrap to its end. Throws CommandError with its last words. */
export async function runMmdebstrap(host: Host, config: Config, task: MmdebstrapTask): Promise<void> {
  const [command, ...args] = mmdebstrapArgv(config, task);
  await run(host, [command, ...args], { isolated: true, env: engineEnvironment(config) });
}

/**
 * The command line for one task. `important` is what debootstrap installs; one apt line with one suite, as debootstrap
 * writes it: of itself mmdebstrap would add the updates and security suites of a stable release.
 */
export function mmdebstrapArgv(config: Config, task: MmdebstrapTask): readonly [string, ...string[]] {
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
    `--architectures=${config.arch}`,
    ...(packages.length === 0 ? [] : [`--include=${packages.join(",")}`]),
    ...(keyring === "" || !checkSignatures ? [] : [`--keyring=${keyring}`]),
    ...options,
    config.suite,
    directory,
    `deb ${trust}${from} ${config.suite} ${components}`,
  ];
}
