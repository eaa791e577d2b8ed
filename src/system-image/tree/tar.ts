import { readFileSync } from "node:fs";
import { open, type FileHandle } from "node:fs/promises";
import { CommandError, KnownError, messageOf } from "../../host/errors.ts";
import type { Host } from "../../host/host.ts";
import { capture, run, start } from "../../host/process/run.ts";
import { type Compression, compressionOf, decompressing } from "./compression.ts";

/** What a tree takes: bytes in whole 4 KiB blocks, files of any kind. */
export interface TreeSize {
  readonly bytes: number;
  readonly inodes: number;
}

// npm's tar drops device nodes, extended attributes and file capabilities, so GNU tar does it.
const attributes = ["--numeric-owner", "--acls", "--selinux", "--xattrs", "--xattrs-include=*"] as const;
const blockBytes = 4096;
const endMarkerBytes = 1024;

/** A file that is no whole tar. That a tar could not be read for another reason (tar was killed) says nothing of it. */
export class DamagedTar extends KnownError {
  override readonly name = "DamagedTar";
}

/** Writes the tree at `directory` with all attributes as a tar to `file`. */
export async function packTree(host: Host, directory: string, file: FileHandle): Promise<void> {
  await run(host, ["tar", "--create", "--file=-", "--sort=name", `--directory=${directory}`, ...attributes, "."], {
    stdout: file.fd,
  });
}

/** Unpacks a tar, compressed or not, read from the start of `tar`, into the empty directory `directory`. */
export async function unpackTar(host: Host, tar: FileHandle, directory: string): Promise<void> {
  const { size } = await tar.stat();
  const shown = setInterval(() => {
    host.log.progress(`unpacking the system: ${String(Math.floor((100 * positionOf(tar)) / size))} %`);
  }, 200);
  try {
    const compressed = decompressing(await compressionOf(tar));
    const where = ["--preserve-permissions", `--directory=${directory}`];
    await run(host, ["tar", "--extract", "--file=-", ...compressed, ...where, ...attributes], { stdin: tar.fd });
  } finally {
    clearInterval(shown);
    host.log.progress(undefined);
  }
}

// The offset belongs to the open file description that tar shares with us.
function positionOf(file: FileHandle): number {
  return Number(/^pos:\s+(\d+)$/m.exec(readFileSync(`/proc/self/fdinfo/${String(file.fd)}`, "utf8"))?.[1] ?? 0);
}

/** Unpacks an open tar, from its start whatever was read of it before. */
export async function unpackOpenTar(host: Host, tar: FileHandle, directory: string): Promise<void> {
  // A new open file description: the offset of the old one is shared with every process that ever read from it.
  const file = await open(`/proc/self/fd/${String(tar.fd)}`, "r");
  try {
    await host.log.phase("unpack the cached system", () => unpackTar(host, file, directory));
  } finally {
    await file.close();
  }
}

/** Copies the tree at `from` with all attributes into the empty directory `to`. */
export async function copyTree(host: Host, from: string, to: string): Promise<void> {
  const pack = `tar --create --file=- --directory="$1" ${attributes.join(" ")} .`;
  const unpack = `tar --extract --file=- --preserve-permissions --directory="$2" ${attributes.join(" ")}`;
  // bash for pipefail: a tar that failed to read must not count as a copy.
  await run(host, ["bash", "-c", `set -o noglob -o pipefail; ${pack} | ${unpack}`, "copy-tree", from, to]);
}

/** What the tree at `directory` takes. */
export async function treeSize(host: Host, directory: string): Promise<TreeSize> {
  const sum = async (...options: readonly string[]): Promise<number> =>
    Number.parseInt(await capture(host, ["du", "--summarize", "--one-file-system", ...options, directory]), 10);
  return { bytes: await sum("--block-size=1"), inodes: await sum("--inodes") };
}

/**
 * Reads the tar at `path` to its end and returns what its tree takes when unpacked. Throws DamagedTar when it is no tar
 * or ends early, KnownError when the node lacks the program that it is compressed with.
 */
export async function surveyTar(host: Host, path: string): Promise<TreeSize> {
  const file = await open(path, "r");
  try {
    const compression = await compressionOf(file);
    // Of a compressed one its program says that the end is missing.
    if (compression === undefined) await requireEndMarker(file, path);
    return await listTar(host, file, path, compression);
  } finally {
    await file.close();
  }
}

// GNU tar accepts an archive that ends between two members without a word. That the zeros at the end are no member's own
// is told by its listing; this costs no reading.
async function requireEndMarker(file: FileHandle, path: string): Promise<void> {
  const { size } = await file.stat();
  const end = Buffer.alloc(endMarkerBytes, 1);
  if (size >= endMarkerBytes) await file.read(end, 0, endMarkerBytes, size - endMarkerBytes);
  if (end.some((byte) => byte !== 0)) throw endsEarly(path);
}

function endsEarly(path: string): DamagedTar {
  return new DamagedTar(`${path} ends early: the end marker of a tar is missing`);
}

const listVerbosely = ["--list", "--verbose", "--block-number", "--numeric-owner", "--quoting-style=escape"] as const;

async function listTar(
  host: Host,
  file: FileHandle,
  path: string,
  compression: Compression | undefined,
): Promise<TreeSize> {
  const argv = ["tar", ...listVerbosely, ...decompressing(compression), "--file=-"] as const;
  const listing = start(host, argv, { stdin: file.fd, stdout: "pipe" });
  let bytes = 0;
  let inodes = 0;
  let last = "";
  let rest = "";
  listing.stdout?.setEncoding("utf8").on("data", (chunk: string) => {
    const lines = (rest + chunk).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) {
      last = line;
      const size = memberSize(line);
      if (size === undefined) continue;
      bytes += size;
      inodes += 1;
    }
  });
  await listing.done.catch((error: unknown) => {
    if (compression !== undefined && isMissing(error)) throw withoutProgram(path, compression, error);
    throw isVerdict(error) ? new DamagedTar(messageOf(error), { cause: error }) : error;
  });
  if (!/^block \d+: \*\* Block of NULs \*\*$/.test(last)) throw endsEarly(path);
  return { bytes, inodes };
}

function isMissing(error: unknown): boolean {
  return error instanceof CommandError && error.outcome.said.includes("Cannot exec");
}

function withoutProgram(path: string, program: Compression, cause: unknown): KnownError {
  return new KnownError(`${path} is compressed with ${program}, which this node does not have`, {
    cause,
    hint: program === "xz" ? "apt-get install xz-utils" : `apt-get install ${program}`,
  });
}

// GNU tar ends with 2 when it met what is no tar; for want of memory or as its decompressor was killed, too.
function isVerdict(error: unknown): boolean {
  if (!(error instanceof CommandError)) return false;
  const { exitCode, said } = error.outcome;
  return exitCode === 2 && !/memory exhausted|Cannot allocate memory|died with signal/i.test(said);
}

// `block 1: -rw-r--r-- 0/0  1234 2026-01-01 00:00 ./name`; a hard link takes nothing, a directory at least a block.
function memberSize(line: string): number | undefined {
  const [, , mode = "", , size = ""] = line.split(/\s+/, 5);
  if (mode.startsWith("h") || mode.startsWith("*")) return undefined;
  if (mode.startsWith("d")) return blockBytes;
  return mode.startsWith("-") ? Math.ceil(Number(size) / blockBytes) * blockBytes : 0;
}
