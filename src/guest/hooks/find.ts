import { open, readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { ifThere } from "../../host/files/absent.ts";
import { KnownError } from "../../host/errors.ts";
import type { Host } from "../../host/host.ts";
import { printable } from "../../host/printable.ts";
import { capture, run } from "../../host/process/run.ts";

/** The hooks of one directory, found to be runnable. */
export interface Hooks {
  readonly directory: string;
  /** Paths, in the order in which they run. */
  readonly paths: readonly string[];
}

/**
 * The hooks that run-parts would run; to be asked before a disk is touched. Throws KnownError when there are hooks and
 * no Debian run-parts, or one that cannot run: a link that leads nowhere, or a script whose interpreter is missing.
 */
export async function findHooks(host: Host, directory: string): Promise<Hooks> {
  await reportMissing(host, directory);
  const entries = await entriesOf(directory);
  refuseDangling(directory, entries);
  const paths = await hooksAmong(host, directory, entries);
  for (const path of paths) await requireInterpreter(path);
  reportIgnored(host, directory, entries, paths);
  return { directory, paths };
}

interface Entry {
  readonly name: string;
  /** Undefined: a link that leads nowhere. */
  readonly status: { readonly isFile: boolean; readonly isExecutable: boolean } | undefined;
}

async function entriesOf(directory: string): Promise<readonly Entry[]> {
  const names = directory === "" ? [] : ((await ifThere(readdir(directory))) ?? []).sort();
  const entries = await Promise.all(names.map((name) => entryOf(directory, name)));
  return entries.filter(({ status }) => status?.isFile !== false);
}

async function entryOf(directory: string, name: string): Promise<Entry> {
  try {
    const found = await stat(join(directory, name));
    return { name, status: { isFile: found.isFile(), isExecutable: (found.mode & 0o111) !== 0 } };
  } catch {
    return { name, status: undefined };
  }
}

// run-parts(8): the names it runs by default.
function isHookName(name: string): boolean {
  return /^[A-Za-z0-9_-]+$/.test(name);
}

// run-parts itself lists the other hooks, and fails when it comes to the link: after the disk was written.
function refuseDangling(directory: string, entries: readonly Entry[]): void {
  const dangling = entries.filter(({ name, status }) => status === undefined && isHookName(name));
  if (dangling.length === 0) return;
  const names = dangling.map(({ name }) => join(directory, name)).join(", ");
  throw new KnownError(`cannot run the hooks in ${directory}: ${names} leads nowhere`, {
    hint: "mend or remove the link, or empty the directory CUSTOMIZE_DIR names",
  });
}

async function hooksAmong(host: Host, directory: string, entries: readonly Entry[]): Promise<readonly string[]> {
  if (entries.length === 0) return [];
  if (await hasRunParts(host)) return await hookPaths(host, directory);
  if (!entries.some(({ name, status }) => isHookName(name) && status?.isExecutable === true)) return [];
  throw new KnownError(`cannot run the hooks in ${directory}: this node has no run-parts of Debian`, {
    hint: "install debianutils, or empty the directory CUSTOMIZE_DIR names",
  });
}

// Others of this name exist: a shell script of cronie's, busybox's without --exit-on-error.
async function hasRunParts(host: Host): Promise<boolean> {
  const { exitCode, stdout } = await run(host, ["run-parts", "--version"], { accept: [0, 1, 2, 127] });
  return exitCode === 0 && stdout.includes("Debian run-parts");
}

async function hookPaths(host: Host, directory: string): Promise<readonly string[]> {
  const paths = await capture(host, ["run-parts", "--test", "--", directory]);
  return paths.split("\n").filter((path) => path !== "");
}

async function requireInterpreter(path: string): Promise<void> {
  const interpreter = /^#![ \t]*(\/[^\s\0]+)/.exec(await beginningOf(path))?.[1];
  if (interpreter === undefined || (await stat(interpreter).catch(() => undefined)) !== undefined) return;
  throw new KnownError(`cannot run the hook ${path}: its interpreter ${printable(interpreter)} is not on this node`, {
    hint: "install the interpreter, or correct the first line of the hook",
  });
}

// The kernel reads no more of a script's first line (BINPRM_BUF_SIZE).
async function beginningOf(path: string): Promise<string> {
  const buffer = Buffer.alloc(256);
  const file = await open(path, "r");
  try {
    const { bytesRead } = await file.read(buffer, 0, buffer.length, 0);
    return buffer.toString("latin1", 0, bytesRead);
  } finally {
    await file.close();
  }
}

// As in the original no reason to stop, but a misspelt name would otherwise never be noticed.
async function reportMissing(host: Host, directory: string): Promise<void> {
  if (directory === "") return;
  const status = await stat(directory).catch(() => undefined);
  if (status === undefined) host.log.info(`no hooks: the directory ${directory} (CUSTOMIZE_DIR) is not there`);
  else if (!status.isDirectory()) host.log.warn(`no hooks: ${directory} (CUSTOMIZE_DIR) is not a directory`);
}

function reportIgnored(host: Host, directory: string, entries: readonly Entry[], hooks: readonly string[]): void {
  const run = new Set(hooks.map((path) => path.slice(path.lastIndexOf("/") + 1)));
  const ignored = entries.filter(({ name }) => !run.has(name)).map(({ name }) => name);
  if (ignored.length === 0) return;
  host.log.info(`not run in ${directory} (not executable, or a name run-parts does not take): ${ignored.join(", ")}`);
}
