import { startConfined, type Target } from "../../host/process/confined.ts";
import { CommandError, KnownError } from "../../host/errors.ts";
import type { Host } from "../../host/host.ts";
import { treeName } from "../format/member-names.ts";

/** Flags of chattr(1) that one file has, and its project (0 for none). `path` as Latin-1, below `root`, a directory's with a slash behind. */
export interface InodeFlags {
  readonly flags: string;
  readonly project: number;
  readonly path: string;
}

// What chattr(1) can set; the others (e, I, N, E, V, F ...) say how the filesystem stores a file.
const settable = new Set("aAcCdDijmPsStTux");
// Those that forbid changes come last of all.
const forbidding = new Set("ai");

/** Largest list that is kept; more of it is no guest's ordinary use. */
export const inodeFlagsLimit = 16 * 1024 * 1024;

// GNU find hands out files and directories only: lsattr would open, and could hang on, the rest.
const listScript = `set -o pipefail
find ${treeName} "$@" -xdev -type d -printf '%p/\\0' -o -type f -print0 | xargs --null --no-run-if-empty lsattr -d -p --`;

/**
 * The files below a mounted tree that have flags or a project, which tar does not carry. `within`: further tests of
 * find(1), for example a depth.
 */
export async function listInodeFlags(
  host: Host,
  target: Target,
  within: readonly string[] = [],
): Promise<readonly InodeFlags[]> {
  const lister = startConfined(host, target, ["bash", "-c", listScript, "list", ...within], { stdout: "pipe" });
  const found: InodeFlags[] = [];
  let size = 0;
  lister.stdout?.setEncoding("latin1");
  try {
    for await (const line of lines((lister.stdout ?? []) as AsyncIterable<string>)) {
      const flags = parseLsattr(line);
      if (flags === undefined) continue;
      size += line.length;
      if (size > inodeFlagsLimit) throw new KnownError("too many files of the guest have flags of chattr(1)");
      found.push(flags);
    }
  } catch (error) {
    lister.kill();
    await lister.done.catch(() => undefined);
    throw error;
  }
  await lister.done;
  return found;
}

/** Parses a line of `lsattr -p`; undefined for files without flags, and for the rest of a name with a newline. */
export function parseLsattr(line: string): InodeFlags | undefined {
  const [, project, letters, path] = /^\s*(\d+) ([-A-Za-z]{16,}) (.+)$/.exec(line) ?? [];
  if (letters === undefined || path === undefined) return undefined;
  const flags = letters.replaceAll(/./g, (letter) => (settable.has(letter) ? letter : ""));
  const number = Number(project);
  return flags === "" && number === 0 ? undefined : { flags, project: number, path };
}

/** The list as a member's content: `FLAGS PROJECT PATH` with a NUL behind each. */
export function encodeInodeFlags(list: readonly InodeFlags[]): Buffer {
  return Buffer.from(
    list.map(({ flags, project, path }) => `${flags} ${String(project)} ${path}\0`).join(""),
    "latin1",
  );
}

/** Reads the list. Throws KnownError for a damaged one or a path that is not below the tree. */
export function decodeInodeFlags(content: Buffer): readonly InodeFlags[] {
  const records = content.toString("latin1").split("\0");
  if (records.pop() !== "") throw damaged();
  return records.map((record) => {
    const [, flags, project, path] = /^([a-zA-Z]*) (\d+) (root(?:\/[^]*)?)$/.exec(record) ?? [];
    if (flags === undefined || path === undefined || Array.from(flags).some((letter) => !settable.has(letter)))
      throw damaged();
    if (path.split("/").includes("..")) throw damaged();
    return { flags, project: Number(project), path };
  });
}

function damaged(): KnownError {
  return new KnownError("the stream's list of inode flags is damaged");
}

/** Sets flags and projects again, those that forbid changes last. What a file cannot have is a warning. */
export async function applyInodeFlags(host: Host, target: Target, list: readonly InodeFlags[]): Promise<void> {
  await apply(host, target, list, (letter) => !forbidding.has(letter));
  await apply(
    host,
    target,
    list.map((entry) => ({ ...entry, project: 0 })),
    (letter) => forbidding.has(letter),
  );
}

/**
 * Takes the flags that forbid changes off a tree's directory and what is directly in it, so that it can be moved. Returns
 * them for {@link applyInodeFlags}.
 */
export async function liftForbiddingFlags(host: Host, target: Target): Promise<readonly InodeFlags[]> {
  const listed = await listInodeFlags(host, target, ["-maxdepth", "1"]);
  const lifted = listed.flatMap((entry) => {
    const flags = Array.from(entry.flags).filter((letter) => forbidding.has(letter));
    return flags.length === 0 ? [] : [{ ...entry, flags: flags.join(""), project: 0 }];
  });
  if (lifted.length > 0) await runOnPaths(host, target, ["chattr", "-ia", "--"], lifted);
  return lifted;
}

async function apply(
  host: Host,
  target: Target,
  list: readonly InodeFlags[],
  wanted: (letter: string) => boolean,
): Promise<void> {
  const groups = new Map<string, InodeFlags[]>();
  for (const entry of list) {
    const options = argumentsFor(Array.from(entry.flags).filter(wanted).join(""), entry.project);
    const group = groups.get(options);
    if (group === undefined) groups.set(options, [entry]);
    else group.push(entry);
  }
  for (const [options, files] of groups) {
    if (options === "") continue;
    await chattr(host, target, options.split(" "), files);
  }
}

function argumentsFor(flags: string, project: number): string {
  return [...(project === 0 ? [] : ["-p", String(project)]), ...(flags === "" ? [] : [`+${flags}`])].join(" ");
}

async function chattr(
  host: Host,
  target: Target,
  options: readonly string[],
  files: readonly InodeFlags[],
): Promise<void> {
  try {
    await runOnPaths(host, target, ["chattr", ...options, "--"], files);
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    host.log.warn(`some inode flags (${options.join(" ")}) could not be set: ${error.outcome.said}`);
  }
}

async function runOnPaths(
  host: Host,
  target: Target,
  command: readonly string[],
  files: readonly InodeFlags[],
): Promise<void> {
  const running = startConfined(host, target, ["xargs", "--null", "--no-run-if-empty", ...command], { stdin: "pipe" });
  running.stdin?.on("error", () => undefined); // xargs ended early: its status says why
  running.stdin?.end(Buffer.from(files.map(({ path }) => `${path}\0`).join(""), "latin1"));
  await running.done;
}

// `$path` ends in a slash for a directory.
const makeEmpty = `for path; do
  case $path in */) mkdir -p -- "$path" ;; *) mkdir -p -- "\${path%/*}" && : >"$path" ;; esac || exit 255
done`;

/**
 * Makes the files and directories that must have their flag before anything is in them (C, no copy-on-write), empty, in
 * the still empty tree. Returns whether there are any: tar must then overwrite instead of unlinking them.
 */
export async function prepareEmptyFiles(host: Host, target: Target, list: readonly InodeFlags[]): Promise<boolean> {
  const early = list.flatMap(({ flags, path }) => (flags.includes("C") ? [{ flags: "C", project: 0, path }] : []));
  if (early.length === 0) return false;
  await runOnPaths(host, target, ["sh", "-c", makeEmpty, "make-empty"], early);
  await apply(host, target, early, () => true);
  return true;
}

async function* lines(chunks: AsyncIterable<string>): AsyncGenerator<string, void, undefined> {
  let rest = "";
  for await (const chunk of chunks) {
    const parts = (rest + chunk).split("\n");
    rest = parts.pop() ?? "";
    yield* parts;
  }
  if (rest !== "") yield rest;
}
