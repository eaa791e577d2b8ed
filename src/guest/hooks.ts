import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import type { Config } from "../config/config.ts";
import { hookSettings } from "../config/hook-settings.ts";
import { CommandError, hasCode, KnownError } from "../host/errors.ts";
import type { Host } from "../host/host.ts";
import { capture, run } from "../host/run.ts";

/** What the hooks get to know of the new guest. */
export interface HookTarget {
  /** Where its root filesystem is mounted. */
  readonly path: string;
  /** The instance's disk, always a block device. */
  readonly blockDevice: string;
  /** The device of the root filesystem. */
  readonly filesystemDevice: string;
}

export interface HookRun {
  /** CUSTOMIZE_DIR. */
  readonly directory: string;
  /** The whole environment: see {@link hookEnvironment}. */
  readonly environment: Readonly<Record<string, string>>;
  /** The OS directory, where the hooks find common.sh: their working directory. */
  readonly osDir: string;
}

/**
 * The environment of the hooks, as the original gives it: Ganeti's, OS parameters included, as the settings files left
 * it (set, changed or unset), then the facts of this guest. What common.sh gives hooks besides comes in one variable of its own.
 */
export function hookEnvironment(config: Config, target: HookTarget): Record<string, string> {
  return {
    ...config.environment,
    ...hookSettings(config),
    TARGET: target.path,
    SUITE: config.suite,
    ARCH: config.arch,
    PARTITION_STYLE: config.partitionStyle,
    EXTRA_PKGS: config.extraPackages.join(","),
    BLOCKDEV: target.blockDevice,
    FSYSDEV: target.filesystemDevice,
  };
}

/**
 * The hooks that run-parts would run, by path; to be asked before a disk is touched. Throws KnownError when there are
 * hooks and no Debian run-parts.
 */
export async function findHooks(host: Host, directory: string): Promise<readonly string[]> {
  await sayMissing(host, directory);
  const entries = await entriesOf(directory);
  const hooks = await hooksAmong(host, directory, entries);
  sayIgnored(host, directory, entries, hooks);
  return hooks;
}

async function hooksAmong(host: Host, directory: string, entries: readonly Entry[]): Promise<readonly string[]> {
  if (entries.length === 0) return [];
  if (await hasRunParts(host)) return await hookNames(host, directory);
  if (!entries.some(isHook)) return [];
  throw new KnownError(`cannot run the hooks in ${directory}: this node has no run-parts of Debian`, {
    hint: "install debianutils, or empty the directory CUSTOMIZE_DIR names",
  });
}

/**
 * Runs the administrator's hooks by run-parts(8), one after the other, names printed as they run; the first that fails
 * ends it. All run in one PID and mount namespace: a daemon they leave ends with them, and so does what they mounted.
 * Throws KnownError that names the failing hook and its exit status, or as {@link findHooks}.
 */
export async function runHooks(host: Host, { directory, environment, osDir }: HookRun): Promise<void> {
  const names = await hooksAmong(host, directory, await entriesOf(directory));
  if (names.length === 0) return;
  await host.log.phase(`${String(names.length)} hooks in ${directory}`, () =>
    runParts(host, { directory, environment, osDir }),
  );
}

async function runParts(host: Host, { directory, environment, osDir }: HookRun): Promise<void> {
  const argv = ["run-parts", "--verbose", "--exit-on-error", "--", directory] as const;
  try {
    await run(host, [...argv], { env: environment, cwd: osDir, stdout: "log", isolated: true });
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    // Without the cause: what the hook said stands right above already.
    throw new KnownError(failure(error, directory), {
      hint: "the hook's own words are above; correct it and reinstall the instance",
    });
  }
}

// run-parts' last word: "run-parts: DIR/NAME exited with return code 3" or "... exited because of uncaught signal 9".
function failure({ outcome }: CommandError, directory: string): string {
  const lines = outcome.said.split("\n");
  const last = lines.findLast((line) => line.startsWith(`run-parts: ${directory}`));
  const match = /^run-parts: (.+?) exited (?:with return code (\d+)|because of uncaught signal (\d+))/.exec(last ?? "");
  const [, hook, status, signal] = match ?? [];
  if (hook === undefined) return `a hook in ${directory} failed with exit status ${String(outcome.exitCode)}`;
  return status === undefined
    ? `hook ${hook} was ended by signal ${signal ?? ""}`
    : `hook ${hook} failed with exit status ${status}`;
}

interface Entry {
  readonly name: string;
  readonly isFile: boolean;
  readonly executable: boolean;
}

async function entriesOf(directory: string): Promise<readonly Entry[]> {
  if (directory === "") return [];
  try {
    const names = await readdir(directory);
    const entries = await Promise.all(names.sort().map((name) => entry(directory, name)));
    return entries.filter(({ isFile }) => isFile);
  } catch (error) {
    if (hasCode(error, "ENOENT", "ENOTDIR")) return [];
    throw error;
  }
}

async function entry(directory: string, name: string): Promise<Entry> {
  try {
    const status = await stat(join(directory, name));
    return { name, isFile: status.isFile(), executable: (status.mode & 0o111) !== 0 };
  } catch {
    return { name, isFile: false, executable: false }; // a dangling link
  }
}

// run-parts(8): the names it runs by default.
function isHook({ name, executable }: Entry): boolean {
  return executable && /^[A-Za-z0-9_-]+$/.test(name);
}

// Others of this name exist: a shell script of cronie's, busybox's without --exit-on-error.
async function hasRunParts(host: Host): Promise<boolean> {
  const { exitCode, stdout } = await run(host, ["run-parts", "--version"], { accept: [0, 1, 2, 127] });
  return exitCode === 0 && stdout.includes("Debian run-parts");
}

async function hookNames(host: Host, directory: string): Promise<readonly string[]> {
  const paths = await capture(host, ["run-parts", "--test", "--", directory]);
  return paths.split("\n").filter((path) => path !== "");
}

// As in the original no reason to stop, but a misspelt name would otherwise never be noticed.
async function sayMissing(host: Host, directory: string): Promise<void> {
  if (directory === "") return;
  const status = await stat(directory).catch(() => undefined);
  if (status === undefined) host.log.info(`no hooks: the directory ${directory} (CUSTOMIZE_DIR) is not there`);
  else if (!status.isDirectory()) host.log.warn(`no hooks: ${directory} (CUSTOMIZE_DIR) is not a directory`);
}

function sayIgnored(host: Host, directory: string, entries: readonly Entry[], hooks: readonly string[]): void {
  const run = new Set(hooks.map((path) => path.slice(path.lastIndexOf("/") + 1)));
  const ignored = entries.filter(({ name }) => !run.has(name)).map(({ name }) => name);
  if (ignored.length === 0) return;
  host.log.info(`not run in ${directory} (not executable, or a name run-parts does not take): ${ignored.join(", ")}`);
}
