import { randomBytes } from "node:crypto";
import {
  closeSync,
  constants,
  fchmodSync,
  fchownSync,
  fstatSync,
  openSync,
  readdirSync,
  readSync,
  renameSync,
  rmdirSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
  type Stats,
} from "node:fs";
import { ifThereSync } from "./absent.ts";
import { hasCode, KnownError } from "../errors.ts";
import type { Host } from "../host.ts";
import { lstatIfThere, type Place, refuseOtherMount, type Root, shown } from "./rooted-path.ts";
import { run } from "../process/run.ts";

/** The file, directory or other object at a path of the guest. */
export interface GuestStat {
  readonly kind: "file" | "directory" | "symlink" | "other";
  /** Permission bits, setuid and sticky included. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly size: number;
}

export interface WriteOptions {
  /** Mode of the file, whatever the umask. Default: the replaced file's, or 0644 for a new one. */
  readonly mode?: number;
}

const readFlags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK | constants.O_NOCTTY;
const createFlags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;

/**
 * The bytes of a regular file; undefined when nothing is there. Throws KnownError for anything else or a file too
 * large.
 */
export function readPlace(root: Root, place: Place, maxBytes: number): Buffer | undefined {
  const fd = openRegular(root, place);
  if (fd === undefined) return undefined;
  try {
    const { size } = fstatSync(fd);
    if (size > maxBytes) throw tooLarge(place, maxBytes);
    return readUpTo(fd, maxBytes, () => tooLarge(place, maxBytes));
  } finally {
    closeSync(fd);
  }
}

function tooLarge(place: Place, maxBytes: number): KnownError {
  return new KnownError(`${shown(place.guestPath)} in the guest: larger than ${String(maxBytes)} bytes`);
}

function readUpTo(fd: number, maxBytes: number, tooMuch: () => Error): Buffer {
  const chunks: Buffer[] = [];
  for (let total = 0; ;) {
    const chunk = Buffer.alloc(65_536);
    const count = readSync(fd, chunk);
    if (count === 0) return Buffer.concat(chunks);
    total += count;
    if (total > maxBytes) throw tooMuch();
    chunks.push(chunk.subarray(0, count));
  }
}

// The file is checked before it is opened, because opening a device has side effects, and again once it is open.
function openRegular(root: Root, place: Place): number | undefined {
  const stat = lstatIfThere(place.hostPath);
  if (stat === undefined) return undefined;
  if (!stat.isFile()) throw notRegular(place, stat);
  const fd = openSync(place.hostPath, readFlags);
  try {
    const opened = fstatSync(fd);
    if (!opened.isFile()) throw notRegular(place, opened);
    refuseOtherMount(root, fd, place.guestPath);
    return fd;
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

function notRegular(place: Place, stat: Stats): KnownError {
  return new KnownError(`${shown(place.guestPath)} in the guest: not a regular file but a ${kindName(stat)}`);
}

function kindName(stat: Stats): string {
  if (stat.isDirectory()) return "directory";
  if (stat.isSymbolicLink()) return "symbolic link";
  if (stat.isFIFO()) return "FIFO";
  if (stat.isSocket()) return "socket";
  return "device";
}

/** Stat of `place`, not followed; undefined when nothing is there. */
export function statPlace(place: Place): GuestStat | undefined {
  const stat = lstatIfThere(place.hostPath);
  if (stat === undefined) return undefined;
  return {
    kind: stat.isFile() ? "file" : stat.isDirectory() ? "directory" : stat.isSymbolicLink() ? "symlink" : "other",
    mode: stat.mode & 0o7777,
    uid: stat.uid,
    gid: stat.gid,
    size: stat.size,
  };
}

/** A new file beside the one it is to replace. One of both must be called. */
export interface StagedFile {
  commit(): void;
  discard(): void;
}

/** Writes a new file beside `place` and renames it there; see `RootedFiles.write`. */
export async function replacePlace(
  root: Root,
  host: Host | undefined,
  place: Place,
  content: string | Uint8Array,
  options: WriteOptions,
): Promise<void> {
  const staged = await stagePlace(root, host, place, content, options);
  try {
    staged.commit();
  } catch (error) {
    staged.discard();
    throw error;
  }
}

/** Writes a new file beside `place` with the owner, mode and attributes of the old one, which stays. */
export async function stagePlace(
  root: Root,
  host: Host | undefined,
  place: Place,
  content: string | Uint8Array,
  options: WriteOptions = {},
): Promise<StagedFile> {
  const old = openRegular(root, place);
  const temporary = temporaryName(place);
  const discard = (): void => {
    ifThereSync(() => {
      unlinkSync(temporary);
    });
  };
  try {
    await writeDressed(host, temporary, old, content, options);
  } catch (error) {
    discard();
    throw error;
  } finally {
    if (old !== undefined) closeSync(old);
  }
  return {
    commit: () => {
      renameSync(temporary, place.hostPath);
    },
    discard,
  };
}

async function writeDressed(
  host: Host | undefined,
  path: string,
  old: number | undefined,
  content: string | Uint8Array,
  options: WriteOptions,
): Promise<void> {
  const fd = openSync(path, createFlags, 0o600);
  try {
    writeFileSync(fd, content);
    await dress(host, fd, old, options);
  } finally {
    closeSync(fd);
  }
}

/**
 * The flag of chattr(1) that keeps the file at `place` from being replaced, with the path that has it; undefined for
 * none. For root only such a flag makes the kernel refuse, so we test with a change of mode that changes nothing.
 */
export function flagAgainstReplacing(place: Place): ReplacingFlag | undefined {
  const directory = place.guestPath.slice(0, place.guestPath.lastIndexOf("/")) || "/";
  if (refusesChange(place.sibling("."), constants.O_DIRECTORY)) return { path: directory, flags: ["i", "a"] };
  if (!refusesChange(place.hostPath, constants.O_NONBLOCK)) return undefined;
  return { path: place.guestPath, flags: [acceptsAppending(place) ? "a" : "i"] };
}

/** A file or directory with one of the flags `i` (immutable) and `a` (append-only). */
export interface ReplacingFlag {
  readonly path: string;
  readonly flags: readonly ("i" | "a")[];
}

function refusesChange(path: string, flag: number): boolean {
  const fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NOCTTY | flag);
  try {
    fchmodSync(fd, fstatSync(fd).mode & 0o7777);
    return false;
  } catch (error) {
    if (hasCode(error, "EPERM")) return true;
    throw error;
  } finally {
    closeSync(fd);
  }
}

function acceptsAppending(place: Place): boolean {
  try {
    closeSync(openSync(place.hostPath, constants.O_WRONLY | constants.O_APPEND | constants.O_NOFOLLOW));
    return true;
  } catch (error) {
    if (hasCode(error, "EPERM")) return false;
    throw error;
  }
}

// Gives the new file the attributes of the old one, or the requested mode. It does not keep the modification time,
// because the content has changed. cp copies ACLs and the user, trusted and security attributes (SELinux), and prints
// nothing where the filesystem does not have them.
async function dress(
  host: Host | undefined,
  fd: number,
  old: number | undefined,
  options: WriteOptions,
): Promise<void> {
  if (old === undefined) {
    fchmodSync(fd, options.mode ?? 0o644);
    return;
  }
  const stat = fstatSync(old);
  const own = fstatSync(fd);
  if (own.uid !== stat.uid || own.gid !== stat.gid) fchownSync(fd, stat.uid, stat.gid);
  if (host !== undefined && options.mode === undefined) {
    const attributes = ["--attributes-only", "--preserve=all", "--no-preserve=timestamps,links"] as const;
    await run(host, ["cp", ...attributes, "--", "/proc/self/fd/3", "/proc/self/fd/4"], { descriptors: [old, fd] });
  }
  fchmodSync(fd, options.mode ?? stat.mode & 0o7777);
}

function temporaryName(place: Place): string {
  return place.sibling(`.ganeti-instance-debootstrap.${randomBytes(8).toString("hex")}`);
}

/** Sorted names in the directory at `place`. */
export function listPlace(root: Root, place: Place): readonly string[] {
  const stat = lstatIfThere(place.hostPath);
  if (stat === undefined) return [];
  if (!stat.isDirectory()) throw new KnownError(`${shown(place.guestPath)} in the guest: not a directory`);
  return withDirectory(root, place.hostPath, place.guestPath, (fd) => readNames(fd))
    .map((name) => name.toString("utf8"))
    .filter((name) => !name.includes("\ufffd"))
    .sort();
}

function readNames(fd: number): Buffer[] {
  return readdirSync(`/proc/self/fd/${String(fd)}`, { encoding: "buffer" });
}

function withDirectory<T>(root: Root, path: string | Buffer, guestPath: string, use: (fd: number) => T): T {
  const fd = openSync(path, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW);
  try {
    refuseOtherMount(root, fd, guestPath);
    return use(fd);
  } finally {
    closeSync(fd);
  }
}

/** Removes `place`; returns whether anything was there. */
export function removePlace(root: Root, place: Place, recursive: boolean): boolean {
  const stat = lstatIfThere(place.hostPath);
  if (stat === undefined) return false;
  if (!stat.isDirectory()) {
    unlinkSync(place.hostPath);
    return true;
  }
  if (place.name === ".") throw new KnownError(`${shown(place.guestPath)} in the guest: the root cannot be removed`);
  if (recursive)
    withDirectory(root, place.hostPath, place.guestPath, (fd) => {
      emptyDirectory(root, fd, place.guestPath);
    });
  rmdirSync(place.hostPath);
  return true;
}

// Names as bytes: a guest may have any.
function emptyDirectory(root: Root, fd: number, guestPath: string): void {
  for (const name of readNames(fd)) {
    const path = Buffer.concat([Buffer.from(`/proc/self/fd/${String(fd)}/`), name]);
    const inner = `${guestPath}/${name.toString("utf8")}`;
    const isDirectory = lstatIfThere(path)?.isDirectory() === true;
    if (isDirectory)
      withDirectory(root, path, inner, (below) => {
        emptyDirectory(root, below, inner);
      });
    if (isDirectory) rmdirSync(path);
    else unlinkSync(path);
  }
}

/** Makes a link beside `place` and renames it there. */
export function replaceByLink(place: Place, target: string): void {
  const temporary = temporaryName(place);
  symlinkSync(target, temporary);
  try {
    renameSync(temporary, place.hostPath);
  } catch (error) {
    ifThereSync(() => {
      unlinkSync(temporary);
    });
    throw error;
  }
}
