import { createHash, randomBytes } from "node:crypto";
import { mkdir, readFile, realpath, rmdir, statfs } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { makeDirectories } from "../../host/files/directories.ts";
import { ReleaseStack, type Owned } from "../../host/disposal.ts";
import { messageOf } from "../../host/errors.ts";
import type { Host } from "../../host/host.ts";
import { hasPrivateMounts } from "../../host/installation.ts";
import { run } from "../../host/process/run.ts";

/** A place to bootstrap in that is no instance's disk. */
export interface Scratch {
  readonly directory: string;
  /** For the log: `memory` or the directory. */
  readonly description: string;
}

/** Where scratch space may be had. */
export type ScratchPlace = { readonly kind: "memory" } | { readonly kind: "directory"; readonly path: string };

const mebibyte = 1024 * 1024;

/**
 * Takes scratch space in `place`; undefined when it cannot hold `bytes` or devices and programs do not work there, and
 * the log says why.
 */
export async function acquireScratch(
  host: Host,
  place: ScratchPlace,
  bytes: number,
): Promise<(Scratch & Owned) | undefined> {
  try {
    return place.kind === "memory" ? await memoryScratch(host, bytes) : await diskScratch(host, place.path, bytes);
  } catch (error) {
    if (host.signal.aborted) throw error;
    host.log.info(`no scratch space in ${place.kind === "memory" ? "memory" : place.path}: ${messageOf(error)}`);
    return undefined;
  }
}

/** Where scratch trees of one cache are. */
export interface ScratchSpace {
  /** The directory of the trees on disk. */
  readonly parent: string;
  /** How their names begin there. */
  readonly prefix: string;
  /** Whether memory may be used instead. */
  readonly memory: boolean;
}

/**
 * The scratch space of a cache: SCRATCH_DIR, or below the cache. The locks that keep runs out of each other's trees lie
 * in the cache: in SCRATCH_DIR, which caches may share, the names tell whose they are.
 */
export function scratchSpace(scratchDir: string, cacheDir: string): ScratchSpace {
  if (scratchDir === "") return { parent: join(cacheDir, "scratch"), prefix: "", memory: true };
  const cache = createHash("sha256").update(resolve(cacheDir)).digest("hex").slice(0, 10);
  return { parent: scratchDir, prefix: `ganeti-instance-debootstrap-${cache}-`, memory: false };
}

/**
 * The place on disk for scratch files that a loop device is put on: once our mount namespace is gone, the kernel no
 * longer reports a path for files on a tmpfs, and recovery could not tell whose device it is.
 */
export function diskPlace({ parent, prefix }: ScratchSpace, directory: string): ScratchPlace {
  return { kind: "directory", path: join(parent, `${prefix}${directory}`) };
}

/**
 * The places for `bytes` of scratch, best first: SCRATCH_DIR where the administrator chose it, else memory where there
 * is plenty, else beside the cache. `directory` is the name of the tree there.
 */
export async function scratchPlaces(
  space: ScratchSpace,
  bytes: number,
  directory: string,
): Promise<readonly ScratchPlace[]> {
  const disk = diskPlace(space, directory);
  return space.memory && (await memoryIsAmple(bytes)) ? [{ kind: "memory" }, disk] : [disk];
}

/** Removes a tree; what is mounted in it stays. */
export async function removeTree(host: Host, directory: string): Promise<void> {
  await run(host, ["rm", "--recursive", "--force", "--one-file-system", "--", directory], { shielded: true });
}

// A quarter of what is available: a Xen dom0 is small. And only when our mounts end with us, also by SIGKILL.
async function memoryIsAmple(bytes: number): Promise<boolean> {
  return hasPrivateMounts() && bytes <= (await availableMemory()) / 4;
}

async function memoryScratch(host: Host, bytes: number): Promise<Scratch & Owned> {
  await using stack = new ReleaseStack();
  const directory = join(host.runDir, "scratch", randomBytes(8).toString("hex"));
  await makeDirectories(dirname(directory), 0o700);
  const strikeOut = host.journal.record({ kind: "directory", path: directory });
  stack.defer(async () => {
    await unmountScratch(host, directory);
    await rmdir(directory);
    strikeOut();
  });
  await mkdir(directory, { mode: 0o700 });
  const size = `${String(Math.ceil(Math.max(bytes, (await availableMemory()) / 4) / mebibyte))}m`;
  await run(host, ["mount", "-t", "tmpfs", "-o", `mode=0755,size=${size}`, "gid-scratch", directory], {
    shielded: true,
  });
  await requireWorking(host, directory);
  return owned({ directory, description: "memory" }, stack.move());
}

async function diskScratch(host: Host, path: string, bytes: number): Promise<Scratch & Owned> {
  await using stack = new ReleaseStack();
  await makeDirectories(dirname(path), 0o700);
  // Without links, so that who removes it by the journal can tell that nobody has put one there since.
  const directory = join(await realpath(dirname(path)), basename(path));
  const strikeOut = host.journal.record({ kind: "tree", path: directory });
  stack.defer(async () => {
    await removeTree(host, directory);
    strikeOut();
  });
  await removeTree(host, directory);
  await mkdir(directory, { mode: 0o755 });
  await requireSpace(directory, bytes);
  await requireWorking(host, directory);
  return owned({ directory, description: directory }, stack.move());
}

async function unmountScratch(host: Host, directory: string): Promise<void> {
  // Status 32 where nothing is mounted: the mount itself had failed. The rmdir that follows tells a busy one.
  await run(host, ["umount", directory], { shielded: true, accept: [0, 32] });
}

async function requireSpace(directory: string, bytes: number): Promise<void> {
  const { bavail, bsize } = await statfs(directory);
  const free = bavail * bsize;
  if (free < bytes) throw new Error(`${mebibytes(free)} free, ${mebibytes(bytes)} needed`);
}

// Mounted nodev, noexec, or by a user who may not make devices.
async function requireWorking(host: Host, directory: string): Promise<void> {
  const script = `cd "$1" && mknod .null c 1 3 && echo test >.null && echo '#!/bin/sh' >.run && chmod 0755 .run && ./.run`;
  try {
    await run(host, ["sh", "-c", script, "try-scratch", directory]);
  } catch (error) {
    if (host.signal.aborted) throw error;
    throw new Error("devices or programs do not work there (mounted nodev or noexec?)", { cause: error });
  }
  await run(host, ["rm", "--force", join(directory, ".null"), join(directory, ".run")]);
}

async function availableMemory(): Promise<number> {
  const kibibytes = /^MemAvailable:\s+(\d+) kB$/m.exec(await readFile("/proc/meminfo", "utf8"))?.[1];
  return Number(kibibytes ?? 0) * 1024;
}

function owned(scratch: Scratch, stack: ReleaseStack): Scratch & Owned {
  return { ...scratch, [Symbol.asyncDispose]: () => stack[Symbol.asyncDispose]() };
}

function mebibytes(bytes: number): string {
  return `${String(Math.ceil(bytes / mebibyte))} MiB`;
}
