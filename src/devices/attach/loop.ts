import { constants } from "node:fs";
import { type FileHandle, open, realpath } from "node:fs/promises";
import { basename } from "node:path";
import * as z from "zod/mini";
import type { Owned } from "../../host/disposal.ts";
import { CommandError, KnownError } from "../../host/errors.ts";
import type { Host } from "../../host/host.ts";
import { capture, run } from "../../host/run.ts";
import { listDirectory, readBlockDevice, readText } from "../kernel/block-device.ts";
import { describeUsers } from "../kernel/device-users.ts";
import { type FileKey, fileKey } from "../kernel/file-key.ts";
import { retryFor } from "./retry.ts";
import { settleUdev } from "./udev.ts";

/** A loop device: `device` shows a part of a file or of a block device. */
export interface LoopDevice {
  readonly device: string;
}

export interface LoopOptions {
  /** Bytes into `backing` at which it begins. */
  readonly offset: number;
  /** Its size in bytes; 0: to the end. */
  readonly sizeLimit: number;
  readonly readOnly?: boolean;
  /** Logical sector size in bytes; default 512. */
  readonly sectorSize?: number;
}

/** A loop device in use. Offset and size limit in bytes. */
export interface LoopState {
  readonly device: string;
  /** As the kernel writes it: once the mount namespace it was opened in is gone, without the mount point before it. */
  readonly backing: string;
  /** Of the backing file, when it was looked at. */
  readonly backingKey?: FileKey | undefined;
  readonly offset: number;
  readonly sizeLimit: number;
}

const attempts = 50;
const releaseSeconds = 10;

/**
 * Puts a loop device on the file or device `path`. The device is chosen by us, not by losetup --find, so that the
 * journal names it before it exists; when another process takes it first the next one is tried.
 */
export async function attachLoop(host: Host, path: string, options: LoopOptions): Promise<LoopDevice & Owned> {
  // The kernel tells its backing file by the resolved path, by which the device is known again. What is wrong with a
  // path that leads nowhere losetup says.
  const backing = await realpath(path).catch(() => path);
  const tried = new Set<string>();
  const shown = { backing, backingKey: fileKey(backing), offset: options.offset, sizeLimit: options.sizeLimit };
  for (let attempt = 1; ; attempt++) {
    const device = freeLoopDevice(tried);
    tried.add(device);
    const state: LoopState = { device, ...shown };
    const struckOut = host.journal.record({ kind: "loop", device, ...shown });
    try {
      await run(host, ["losetup", ...loopArguments(options), device, backing], { shielded: true });
    } catch (error) {
      if (isTaken(error) && attempt < attempts) {
        struckOut();
        continue;
      }
      // losetup may have been killed after the kernel did its part.
      await detachLoop(host, state);
      struckOut();
      throw error;
    }
    return {
      device,
      async [Symbol.asyncDispose]() {
        await detachLoop(host, state);
        struckOut();
      },
    };
  }
}

function loopArguments({ offset, sizeLimit, readOnly, sectorSize }: LoopOptions): readonly string[] {
  return [
    // Direct I/O would bypass the page cache through which other openers of the backing file see our writes.
    "--direct-io=off",
    ...(offset === 0 ? [] : ["--offset", String(offset)]),
    ...(sizeLimit === 0 ? [] : ["--sizelimit", String(sizeLimit)]),
    ...(readOnly === true ? ["--read-only"] : []),
    ...(sectorSize === undefined || sectorSize === 512 ? [] : ["--sector-size", String(sectorSize)]),
  ];
}

/**
 * Takes the loop device down when it still is what `state` says; else it is gone already. `losetup --detach` of a
 * device that is held only marks it to vanish at its last close (autoclear), so this waits and verifies. Throws
 * KnownError naming the holders when it stays. Returns whether there was anything to take down.
 */
export async function detachLoop(host: Host, state: LoopState, seconds = releaseSeconds): Promise<boolean> {
  if (!(await isStill(host, state))) return false;
  await settleUdev(host);
  await run(host, ["losetup", "--detach", state.device], { shielded: true, accept: [0, 1] });
  const gone = await retryFor(seconds, async () => ((await isStill(host, state)) ? undefined : true));
  if (gone === true) return true;
  throw new KnownError(`loop device ${state.device} on ${state.backing} is still held${describeUsers(state.device)}`, {
    hint: `It vanishes when its last user closes it; else: losetup --detach ${state.device}`,
  });
}

async function isStill(host: Host, state: LoopState): Promise<boolean> {
  const now = readLoop(basename(state.device));
  if (now?.offset !== state.offset || now.sizeLimit !== state.sizeLimit) return false;
  const backing = now.backing.replace(/ \(deleted\)$/, "");
  if (backing === state.backing) return true;
  // The mounts of a killed run's namespace are torn off each other: `/dev/loop3` is `/loop3` by then, and a mount of its
  // own `/`. A path that leads to the file still was not torn off: somebody else opened it by another name.
  return (
    state.backingKey !== undefined &&
    (state.backing.endsWith(backing) || backing === "/") &&
    fileKey(backing) !== state.backingKey &&
    (await backingKeys(host)).get(state.device) === state.backingKey
  );
}

/**
 * Opens for reading what a loop device writes to, for fdatasync(2): the kernel serves a loop device's requests one by one,
 * so that to flush the device itself holds up all writes to it until the flush has ended. Undefined for other devices,
 * and where the name that the kernel has of it leads nowhere. It may lead to another file (it was opened in another mount
 * namespace, or is gone): a flush of that one does nothing, so it is the device that must be flushed in the end.
 */
export async function openBelowLoop(device: string): Promise<FileHandle | undefined> {
  const backing = readLoop(readBlockDevice(device).name)?.backing;
  if (backing === undefined) return undefined;
  let file: FileHandle;
  try {
    file = await open(backing, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch {
    return undefined;
  }
  const status = await file.stat();
  if (status.isFile() || status.isBlockDevice()) return file;
  await file.close();
  return undefined;
}

const loopListSchema = z.object({
  loopdevices: z.array(
    z.object({
      name: z.string(),
      "back-maj:min": z.nullable(z.string()),
      "back-ino": z.nullable(z.string()),
    }),
  ),
});

/** By loop device, its backing file's key: the kernel's own idea of it, where sysfs has a path it once had somewhere. */
export async function backingKeys(host: Host): Promise<ReadonlyMap<string, FileKey>> {
  const argv = ["losetup", "--list", "--json", "--output", "NAME,BACK-MAJ:MIN,BACK-INO"] as const;
  return parseBackingKeys(await capture(host, [...argv], { shielded: true }));
}

/** Reads `losetup --list --json`; inode numbers may have more digits than a JavaScript number. */
export function parseBackingKeys(text: string): ReadonlyMap<string, FileKey> {
  const exact = text.replaceAll(/("back-ino":\s*)(\d+)/g, '$1"$2"');
  const { loopdevices } = loopListSchema.parse(exact === "" ? { loopdevices: [] } : JSON.parse(exact));
  return new Map(
    loopdevices.map((loop) => [loop.name, `${(loop["back-maj:min"] ?? "").trim()}:${String(loop["back-ino"])}`]),
  );
}

/** All loop devices in use. */
export function readLoops(): readonly LoopState[] {
  return loopNames().flatMap((name) => readLoop(name) ?? []);
}

/** What the loop device of the kernel's name `name` shows, or undefined when it is free. */
export function readLoop(name: string): LoopState | undefined {
  const directory = `/sys/block/${name}/loop`;
  const backing = readText(`${directory}/backing_file`);
  if (backing === undefined) return undefined;
  return {
    device: `/dev/${name}`,
    backing,
    offset: Number(readText(`${directory}/offset`) ?? 0),
    sizeLimit: Number(readText(`${directory}/sizelimit`) ?? 0),
  };
}

function loopNames(): readonly string[] {
  return listDirectory("/sys/block").filter((name) => /^loop\d+$/.test(name));
}

// losetup makes a device that the kernel does not have yet, through /dev/loop-control.
function freeLoopDevice(tried: ReadonlySet<string>): string {
  for (let index = 0; ; index++) {
    const device = `/dev/loop${String(index)}`;
    if (!tried.has(device) && readText(`/sys/block/loop${String(index)}/loop/backing_file`) === undefined)
      return device;
  }
}

// A device that losetup has to make first may have been made by another process in between: that one is told that there
// is none. A backing file that is missing has another message ("failed to use backing file").
function isTaken(error: unknown): boolean {
  return (
    error instanceof CommandError &&
    /resource busy|failed to set up loop device: No such (?:device or address|file or directory)/i.test(
      error.outcome.said,
    )
  );
}
