import { constants, existsSync } from "node:fs";
import { type FileHandle, open, realpath } from "node:fs/promises";
import { basename } from "node:path";
import type { Owned } from "../../host/disposal.ts";
import { CommandError, KnownError } from "../../host/errors.ts";
import type { Host } from "../../host/host.ts";
import { run } from "../../host/process/run.ts";
import { readBlockDevice } from "../kernel/block-device.ts";
import { describeUsers } from "../kernel/device-users.ts";
import { type FileKey, fileKey } from "../kernel/file-key.ts";
import { isStill, type LoopState, readLoop } from "./loop-state.ts";
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

const releaseSeconds = 10;

/**
 * Puts a loop device on the file or device `path`. We choose the device, not losetup --find, so that the journal names
 * it before it exists. When another process takes it first, we try the next one.
 */
export async function attachLoop(host: Host, path: string, options: LoopOptions): Promise<LoopDevice & Owned> {
  // The kernel reports the backing file by its resolved path. A path that does not exist is reported below.
  const backing = await realpath(path).catch(() => path);
  const backingKey = fileKey(backing);
  const tried = new Set<string>();
  for (let attempt = 1; ; attempt++) {
    requireBacking(backing, backingKey);
    const device = freeLoopDevice(tried);
    tried.add(device);
    const state = { device, backing, backingKey, offset: options.offset, sizeLimit: options.sizeLimit };
    const existed = existsSync(device);
    const struckOut = host.journal.record({ kind: "loop", ...state });
    const release = async (): Promise<void> => {
      await detachLoop(host, state);
      struckOut();
    };
    try {
      await run(host, ["losetup", ...loopArguments(options), device, backing], { shielded: true });
    } catch (error) {
      if (attempt < attemptsAfter(state, existed, error) && fileKey(backing) === backingKey) {
        struckOut();
        continue;
      }
      // losetup may have been killed after the kernel did its part.
      await release();
      requireBacking(backing, backingKey);
      throw error;
    }
    return { device, [Symbol.asyncDispose]: release };
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
  const gone = await retryFor(host, seconds, async () => ((await isStill(host, state)) ? undefined : true));
  if (gone === true) return true;
  throw new KnownError(`loop device ${state.device} on ${state.backing} is still held${describeUsers(state.device)}`, {
    hint: `it vanishes when its last user closes it; else: losetup --detach ${state.device}`,
  });
}

/**
 * Opens the file below a loop device for reading, for fdatasync(2). The kernel serves a loop device's requests one by
 * one, so a flush of the device itself would hold up all writes to it. Returns undefined for other devices, and when
 * the kernel's path of the file leads nowhere. The path may lead to another file (the device was set up in another
 * mount namespace, or the file is gone). A flush of that file has no effect, so the device must be flushed at the end
 * anyway.
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

// losetup makes a device that the kernel does not have yet, through /dev/loop-control.
function freeLoopDevice(tried: ReadonlySet<string>): string {
  for (let index = 0; ; index++) {
    const device = `/dev/loop${String(index)}`;
    if (!tried.has(device) && readLoop(basename(device)) === undefined) return device;
  }
}

/**
 * The number of attempts left after `error`. While others take one device after another, we try the next one that the
 * kernel shows as free. losetup has one exit status for all failures, and one message for a missing device or file.
 */
function attemptsAfter(state: LoopState, existed: boolean, error: unknown): number {
  if (!(error instanceof CommandError)) return 0;
  const now = readLoop(basename(state.device));
  if (now !== undefined) return now.backing === state.backing && now.offset === state.offset ? 0 : 50;
  // The device may be free again. A new one may have been made or removed by another process at the same time.
  const busy = "failed to set up loop device: Device or resource busy";
  return error.outcome.said.endsWith(busy) || existed !== existsSync(state.device) ? 8 : 0;
}

function requireBacking(path: string, key: FileKey | undefined): void {
  const now = fileKey(path);
  if (now !== undefined && now === key) return;
  throw new KnownError(
    now === undefined
      ? `${path} does not exist, so a loop device cannot be put on it`
      : `${path} was replaced by another file while this run worked on it`,
    { hint: "it was removed or renamed meanwhile: check whose disk it is, then try again" },
  );
}
