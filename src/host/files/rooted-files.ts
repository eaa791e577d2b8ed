import { readlinkSync, renameSync } from "node:fs";
import { KnownError, messageOf } from "../errors.ts";
import type { Host } from "../host.ts";
import { editAllOrNone, type FileEdit } from "./rooted-edits.ts";
import { type LocateOptions, locate, type Place, rememberRoot, shown } from "./rooted-path.ts";
import {
  type GuestStat,
  listPlace,
  readPlace,
  removePlace,
  replaceByLink,
  replacePlace,
  statPlace,
  type WriteOptions,
} from "./rooted-place.ts";

export type { FileEdit } from "./rooted-edits.ts";
export type { GuestStat, WriteOptions } from "./rooted-place.ts";

export interface ReadOptions {
  /** A larger file is refused; default 1 MiB, far above any file that is edited. */
  readonly maxBytes?: number;
}

/**
 * The files below one directory, a mounted guest. Paths are the guest's own (`/etc/hostname`); each is resolved inside
 * the root, links included. Nothing outside can be read or changed, nothing blocks: only regular files are read, with a
 * size limit, and never across a mount. Every method rejects with KnownError that names the path as the guest sees it.
 */
export interface RootedFiles {
  /** The root on the host: for chroot and for messages, never to build paths for file access. */
  readonly root: string;
  /**
   * A file's text; undefined when there is none. Bytes that are not UTF-8 come as U+FFFD: to change a file use `edit`.
   */
  read(path: string, options?: ReadOptions): Promise<string | undefined>;
  readBytes(path: string, options?: ReadOptions): Promise<Buffer | undefined>;
  /**
   * Writes a file anew and renames it into place; missing directories are made (0755). The replaced file's owner is
   * kept, and without a `mode` also its mode, ACL and extended attributes (these two only when opened with a host). Its
   * other hard links keep the old content.
   */
  write(path: string, content: string | Uint8Array, options?: WriteOptions): Promise<void>;
  /**
   * Replaces a file by what `change` makes of its text (ISO 8859-1, so that every byte survives: put in only ASCII). No
   * file, an unchanged text and undefined write nothing. Returns whether the file was written.
   */
  edit(path: string, change: (text: string) => string | undefined, options?: ReadOptions): Promise<boolean>;
  /**
   * Edits several files as `edit` does, all of them or none. Rejects before anything has changed where one cannot be
   * replaced, for example because it is immutable: with its path, its flag and the remedy.
   */
  editAll(edits: readonly FileEdit[]): Promise<void>;
  /** Whether the path exists; the last link is followed. */
  exists(path: string): Promise<boolean>;
  /** Stat of the path, links followed; undefined when it does not exist. */
  stat(path: string): Promise<GuestStat | undefined>;
  /** Like `stat`, but does not follow the last link. */
  lstat(path: string): Promise<GuestStat | undefined>;
  /** Target of the link; undefined when the path does not exist or is not a link. */
  readlink(path: string): Promise<string | undefined>;
  /** Names in a directory, sorted; empty when there is none. Names that are not UTF-8 are left out. */
  list(path: string): Promise<readonly string[]>;
  /** Removes a file or link (not its target), or, with `recursive`, a directory. Returns whether it existed. */
  remove(path: string, options?: { readonly recursive?: boolean }): Promise<boolean>;
  /** Makes a directory and those above it, each with `mode` (default 0755) when it is new. */
  mkdir(path: string, mode?: number): Promise<void>;
  /** Makes a link, replacing a file or link that stands there. */
  symlink(target: string, path: string): Promise<void>;
  /** Renames; neither last component is followed. */
  rename(from: string, to: string): Promise<void>;
}

const defaultMaxBytes = 1024 * 1024;

/**
 * The files of the guest mounted at `path`. With `host`, a replaced file keeps its ACL and extended attributes (one
 * cp(1) for each): wanted for guests that exist, not for one that is being made. Throws when `path` is not a directory.
 */
export function openRoot(path: string, host?: Host): RootedFiles {
  const root = rememberRoot(path);
  const at = <T>(guestPath: string, options: LocateOptions, use: (place: Place | undefined) => T): T => {
    using place = locate(root, guestPath, options);
    return use(place);
  };
  const readBytes = (guestPath: string, options: ReadOptions = {}): Buffer | undefined =>
    at(
      guestPath,
      { followLast: true },
      (place) => place && readPlace(root, place, options.maxBytes ?? defaultMaxBytes),
    );
  const statAt = (guestPath: string, followLast: boolean): GuestStat | undefined =>
    at(guestPath, { followLast }, (place) => place && statPlace(place));
  const write = async (guestPath: string, content: string | Uint8Array, options: WriteOptions = {}): Promise<void> => {
    using place = located(locate(root, guestPath, { followLast: true, createDirectories: 0o755 }), guestPath);
    await replacePlace(root, host, place, content, options);
  };

  return {
    root: path,
    read: (file, options) => settled("read", file, () => readBytes(file, options)?.toString("utf8")),
    readBytes: (file, options) => settled("read", file, () => readBytes(file, options)),
    write: (file, content, options) => settled("write", file, () => write(file, content, options)),
    edit: (file, change, options) =>
      settled("edit", file, async () => {
        const old = readBytes(file, options)?.toString("latin1");
        const text = old === undefined ? undefined : change(old);
        if (text === undefined || text === old) return false;
        if (/[^\0-\xff]/.test(text)) throw new Error(`edit of ${file}: not ISO 8859-1`);
        await write(file, Buffer.from(text, "latin1"));
        return true;
      }),
    editAll: (edits) =>
      settled("edit", edits.map(({ path: file }) => file).join(", "), () =>
        editAllOrNone(root, host, edits, defaultMaxBytes),
      ),
    exists: (file) => settled("look at", file, () => statAt(file, true) !== undefined),
    stat: (file) => settled("look at", file, () => statAt(file, true)),
    lstat: (file) => settled("look at", file, () => statAt(file, false)),
    readlink: (file) =>
      settled("read", file, () =>
        at(file, { followLast: false }, (place) =>
          place && statPlace(place)?.kind === "symlink" ? readlinkSync(place.hostPath) : undefined,
        ),
      ),
    list: (directory) =>
      settled("list", directory, () =>
        at(directory, { followLast: true }, (place) => (place ? listPlace(root, place) : [])),
      ),
    remove: (file, options = {}) =>
      settled("remove", file, () =>
        at(
          file,
          { followLast: false },
          (place) => place !== undefined && removePlace(root, place, options.recursive ?? false),
        ),
      ),
    mkdir: (directory, mode = 0o755) =>
      settled("make", directory, () => {
        at(`${directory}/.made`, { followLast: false, createDirectories: mode }, () => undefined);
      }),
    symlink: (target, link) =>
      settled("make", link, () => {
        at(link, { followLast: false, createDirectories: 0o755 }, (place) => {
          replaceByLink(located(place, link), target);
        });
      }),
    rename: (from, to) =>
      settled("rename", from, () => {
        at(from, { followLast: false }, (source) => {
          at(to, { followLast: false, createDirectories: 0o755 }, (target) => {
            renameSync(located(source, from).hostPath, located(target, to).hostPath);
          });
        });
      }),
  };
}

// Node's messages would name /proc/self/fd/..., so the guest's path replaces it.
async function settled<T>(verb: string, guestPath: string, work: () => T | Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof Error) || !("syscall" in error)) throw error;
    const reason = messageOf(error).split(", ")[0] ?? "";
    throw new KnownError(`cannot ${verb} ${shown(guestPath)} in the guest: ${reason}`);
  }
}

function located(place: Place | undefined, guestPath: string): Place {
  if (place === undefined) throw new KnownError(`${shown(guestPath)} in the guest: no such file or directory`);
  return place;
}
