import { basename } from "node:path";
import type { Owned } from "../host/disposal.ts";
import { CommandError, KnownError } from "../host/errors.ts";
import type { Host } from "../host/host.ts";
import { run } from "../host/run.ts";
import { listDirectory, readText } from "./block-device.ts";
import { describeUsers } from "./device-users.ts";
import { retryFor } from "./patience.ts";
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

/** What sysfs says of a loop device in use. Offset and size limit in bytes. */
export interface LoopState {
  readonly device: string;
  readonly backing: string;
  readonly offset: number;
  readonly sizeLimit: number;
}

const attempts = 50;
const releaseSeconds = 10;

/**
 * Puts a loop device on `backing` (a resolved path). The device is chosen by us, not by losetup --find, so that the
 * journal names it before it exists; when another process takes it first the next one is tried.
 */
export async function attachLoop(host: Host, backing: string, options: LoopOptions): Promise<LoopDevice & Owned> {
  const tried = new Set<string>();
  for (let attempt = 1; ; attempt++) {
    const device = freeLoopDevice(tried);
    tried.add(device);
    const struckOut = host.journal.record({
      kind: "loop",
      device,
      backing,
      offset: options.offset,
      sizeLimit: options.sizeLimit,
    });
    try {
      await run(host, ["losetup", ...loopArguments(options), device, backing], { shielded: true });
    } catch (error) {
      if (isTaken(error) && attempt < attempts) {
        struckOut();
        continue;
      }
      // losetup may have been killed after the kernel did its part.
      await detachLoop(host, { device, backing, ...options });
      struckOut();
      throw error;
    }
    return {
      device,
      async [Symbol.asyncDispose]() {
        await detachLoop(host, { device, backing, ...options });
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
  if (!isStill(state)) return false;
  await settleUdev(host);
  await run(host, ["losetup", "--detach", state.device], { shielded: true, accept: [0, 1] });
  const gone = await retryFor(seconds, () => (isStill(state) ? undefined : true));
  if (gone === true) return true;
  throw new KnownError(`loop device ${state.device} on ${state.backing} is still held${describeUsers(state.device)}`, {
    hint: `It vanishes when its last user closes it; else: losetup --detach ${state.device}`,
  });
}

function isStill(state: LoopState): boolean {
  const now = readLoop(basename(state.device));
  return (
    now !== undefined &&
    now.backing.replace(/ \(deleted\)$/, "") === state.backing &&
    now.offset === state.offset &&
    now.sizeLimit === state.sizeLimit
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

function isTaken(error: unknown): boolean {
  return error instanceof CommandError && /resource busy/i.test(error.outcome.said);
}
