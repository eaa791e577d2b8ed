import {
  closeSync,
  constants,
  fchmodSync,
  fstatSync,
  lstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  readlinkSync,
} from "node:fs";
import type { Stats } from "node:fs";
import { ifThereSync } from "./absent.ts";
import { KnownError } from "../errors.ts";
import { printable } from "../printable.ts";

/** The root of a guest's tree as it was when first seen: another filesystem mounted there later is refused. */
export interface Root {
  readonly path: string;
  readonly mountId: string;
  readonly inode: number;
}

/** A name in a directory that is held open, so that the directory cannot be replaced by a link. */
export interface Place extends Disposable {
  /** Path for system calls. Its last component is not yet followed: open with O_NOFOLLOW. */
  readonly hostPath: string;
  /** The last component; `.` for the root itself. */
  readonly name: string;
  /** Path as the guest sees it, links resolved. */
  readonly guestPath: string;
  /** The same directory with another name. The descriptor stays this place's. */
  sibling(name: string): string;
}

export interface LocateOptions {
  /** Whether a link at the last component is followed; those before it always are. */
  readonly followLast: boolean;
  /** Mode of the directories to create where they are missing; undefined: a missing one gives no place. */
  readonly createDirectories?: number | undefined;
}

/** The same as the kernel's own limit (MAXSYMLINKS, path_resolution(7)). */
const maxLinks = 40;
/** Each level holds a descriptor. A guest does not need more levels. */
const maxDepth = 256;

const directoryFlags = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW;

/** Remembers which directory of which mount `path` is. Throws when there is none. */
export function rememberRoot(path: string): Root {
  const fd = openSync(path, directoryFlags);
  try {
    return { path, mountId: mountIdOf(fd), inode: fstatSync(fd).ino };
  } finally {
    closeSync(fd);
  }
}

/**
 * Walks `path` from `root` one component at a time, each opened below a descriptor of its parent without following
 * links; absolute and `..` links are resolved inside the root, as filepath-securejoin and RESOLVE_IN_ROOT of openat2(2)
 * do. Returns undefined when a directory on the way is missing (or is a file). Throws KnownError for too many links,
 * too deep a path, and a way that leaves the root's mount.
 */
export function locate(root: Root, path: string, options: LocateOptions): Place | undefined {
  const held = openHeld(root);
  try {
    const place = walk(held, root, path, options);
    if (place === undefined) held.close();
    return place;
  } catch (error) {
    held.close();
    throw error;
  }
}

function walk(held: Held, root: Root, path: string, options: LocateOptions): Place | undefined {
  const rest = components(path);
  let links = 0;
  for (let name = rest.shift(); name !== undefined; name = rest.shift()) {
    if (name === "..") {
      held.pop();
      continue;
    }
    const last = rest.length === 0;
    const stat = lstatIfThere(held.below(name));
    if (stat?.isSymbolicLink() === true && (!last || options.followLast)) {
      if (++links > maxLinks) throw new KnownError(`${shown(path)} in the guest: too many symbolic links`);
      rest.unshift(...follow(held, name));
      continue;
    }
    if (last) return held.place(name);
    if (stat?.isDirectory() !== true) {
      if (options.createDirectories === undefined) return undefined;
      if (stat !== undefined) throw notDirectory(path, held.guestPath(name));
      mkdirSync(held.below(name), { mode: options.createDirectories });
    }
    const fd = held.push(root, name);
    if (stat === undefined && options.createDirectories !== undefined) fchmodSync(fd, options.createDirectories); // umask
  }
  return held.place(".");
}

function notDirectory(path: string, met: string): KnownError {
  return new KnownError(`${shown(path)} in the guest: ${shown(met)} is not a directory`);
}

function follow(held: Held, name: string): string[] {
  const target = readlinkSync(held.below(name));
  if (target.startsWith("/")) held.popAll();
  return components(target);
}

function components(path: string): string[] {
  if (path.includes("\0")) throw new KnownError(`${shown(path)} in the guest: a path cannot hold a null byte`);
  return path.split("/").filter((name) => name !== "" && name !== ".");
}

interface Held {
  below(name: string): string;
  guestPath(name: string): string;
  /** Descends into a directory; returns its descriptor. */
  push(root: Root, name: string): number;
  pop(): void;
  popAll(): void;
  place(name: string): Place;
  close(): void;
}

// The directories from the root down to the current one. Each is held open, so that `..` leads back the same way.
function openHeld(root: Root): Held {
  const levels: { readonly fd: number; readonly name: string }[] = [{ fd: openRootDirectory(root), name: "" }];
  const topFd = (): number => levels.at(-1)?.fd ?? -1;
  const below = (name: string): string => inDirectory(topFd(), name);
  const guestPath = (name: string): string => [...levels.map((level) => level.name), name].join("/");
  const pop = (): void => {
    const top = levels.length > 1 ? levels.pop() : undefined;
    if (top !== undefined) closeSync(top.fd);
  };
  const close = (): void => {
    for (const { fd } of levels.splice(0)) closeSync(fd);
  };
  return {
    below,
    guestPath,
    push(from, name) {
      if (levels.length >= maxDepth) throw new KnownError(`${shown(guestPath(name))} in the guest: too deep a path`);
      const fd = openSync(below(name), directoryFlags);
      levels.push({ fd, name });
      refuseOtherMount(from, fd, guestPath("").slice(0, -1));
      return fd;
    },
    pop,
    popAll() {
      while (levels.length > 1) pop();
    },
    place: (name) => ({
      hostPath: below(name),
      name,
      guestPath: name === "." ? guestPath("") : guestPath(name),
      sibling: below,
      [Symbol.dispose]: close,
    }),
    close,
  };
}

function openRootDirectory(root: Root): number {
  const fd = openSync(root.path, directoryFlags);
  if (mountIdOf(fd) === root.mountId && fstatSync(fd).ino === root.inode) return fd;
  closeSync(fd);
  throw new KnownError(`the guest's filesystem is no longer mounted at ${root.path}`);
}

/**
 * Throws KnownError when the file open as `fd` lies on another mount than `root`. A btrfs subvolume is the same mount.
 */
export function refuseOtherMount(root: Root, fd: number, guestPath: string): void {
  if (mountIdOf(fd) === root.mountId) return;
  throw new KnownError(`${shown(guestPath)} in the guest: another filesystem is mounted there`);
}

/** `guestPath` for a message. */
export function shown(guestPath: string): string {
  return printable(guestPath);
}

// Magic links of proc(5): node has nothing closer to openat(2).
function inDirectory(fd: number, name: string): string {
  return `/proc/self/fd/${String(fd)}/${name}`;
}

// st_dev does not help: it is the same for a bind mount, and it differs between subvolumes of one btrfs.
function mountIdOf(fd: number): string {
  return /^mnt_id:\s*(\d+)$/m.exec(readFileSync(`/proc/self/fdinfo/${String(fd)}`, "utf8"))?.[1] ?? "";
}

/** Stat of `path`, a last link not followed; undefined when it does not exist. */
export function lstatIfThere(path: string | Buffer): Stats | undefined {
  return ifThereSync(() => lstatSync(path));
}
