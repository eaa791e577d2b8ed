import { existsSync, lstatSync, realpathSync, statSync } from "node:fs";
import { rmdir, unlink } from "node:fs/promises";
import { dirname, join, normalize } from "node:path";
import { hasCode, KnownError, messageOf } from "../host/errors.ts";
import type { Host } from "../host/host.ts";
import {
  type DeadRun,
  describeEntry,
  type JournalEntry,
  readDeadRuns,
  readLiveEntries,
  unreadableJournals,
} from "../host/journal.ts";
import { acquireLock } from "../host/lock.ts";
import { requireOwned } from "../host/files/ownership.ts";
import { run } from "../host/process/run.ts";
import { blockDeviceNumber, isHeldExclusively } from "./kernel/block-device.ts";
import { describeUsers } from "./kernel/device-users.ts";
import { unmapPartitions } from "./partitions/kpartx.ts";
import { detachLoop } from "./attach/loop.ts";
import { unmountBelow } from "./attach/mount.ts";
import { mountsOfAllNamespaces } from "./kernel/mount-table.ts";
import { retryFor } from "./attach/retry.ts";

/** The result of a recovery. */
export interface RecoveryReport {
  /** Dead runs that were found. */
  readonly runs: number;
  /** The released things, for example `loop device /dev/loop3`. */
  readonly released: readonly string[];
  /** The things that could not be released. They stay in the journal for the next start. */
  readonly kept: readonly { readonly what: string; readonly reason: string }[];
}

export interface RecoveryOptions {
  /** Seconds to wait for something that is held, once: what stayed held then is only tried by later starts; default 10. */
  readonly waitSeconds?: number;
  /** Seconds to wait for another recovery; default 60. */
  readonly lockSeconds?: number;
}

/**
 * Releases the leftovers of killed runs: the things that their journals name, when they are still the same things. Only
 * one recovery runs at a time. A leftover that cannot be released is reported, stays recorded and causes no error.
 */
export async function recoverDeadRuns(host: Host, options: RecoveryOptions = {}): Promise<RecoveryReport> {
  for (const journal of unreadableJournals(host.runDir))
    host.log.warn(`cannot tell everything that a dead run left: ${journal}`);
  if (readDeadRuns(host.runDir).length === 0) return { runs: 0, released: [], kept: [] };
  const lock = await acquireLock(host, join(host.runDir, "locks", "recovery"), {
    waitSeconds: options.lockSeconds ?? 60,
  });
  if (lock === undefined) {
    // If a dead run still holds our own disk, the in-use check finds that.
    host.log.warn("another recovery of killed runs does not end; continuing without it");
    return { runs: 0, released: [], kept: [] };
  }
  await using _ = lock;
  // Read again, because the previous holder of the lock may have done everything.
  const reports: RecoveryReport[] = [];
  for (const dead of readDeadRuns(host.runDir)) reports.push(await recover(host, dead, options.waitSeconds ?? 10));
  return {
    runs: reports.length,
    released: reports.flatMap(({ released }) => released),
    kept: reports.flatMap(({ kept }) => kept),
  };
}

async function recover(host: Host, dead: DeadRun, waitSeconds: number): Promise<RecoveryReport> {
  const released: string[] = [];
  const kept: { entry: JournalEntry; what: string; reason: string }[] = [];
  // The last acquired thing is released first. The disks come last of all, when nothing of ours holds them any more.
  const entries = [...dead.entries].reverse();
  for (const entry of [
    ...entries.filter(({ kind }) => kind !== "disk"),
    ...entries.filter(({ kind }) => kind === "disk"),
  ]) {
    if (isTakenOver(host, entry)) continue;
    const what = describeEntry(entry);
    try {
      if (await release(host, entry, dead.tried ? 0 : waitSeconds)) released.push(what);
    } catch (error) {
      kept.push({ entry, what, reason: messageOf(error) });
    }
  }
  for (const entry of entries) {
    if (entry.kind === "disk")
      host.log.warn(
        `the run that wrote to disk ${entry.path} was killed before it had finished: the disk may hold half a guest`,
      );
  }
  if (kept.length === 0) dead.forget();
  else dead.keep(kept.map(({ entry }) => entry).reverse());
  const owner = `run ${String(dead.owner.pid)}, which was killed`;
  if (released.length > 0) host.log.info(`released leftovers of ${owner}: ${released.join(", ")}`);
  for (const { what, reason } of kept) host.log.warn(`cannot release ${what}, a leftover of ${owner}: ${reason}`);
  return { runs: 1, released, kept: kept.map(({ what, reason }) => ({ what, reason })) };
}

// Scratch trees and partial files are named after their system, and loop devices are reused. A run that was waiting for
// the dead run's lock may now use the same name, and it is responsible for it then.
function isTakenOver(host: Host, entry: JournalEntry): boolean {
  return readLiveEntries(host.runDir).some(
    (live) => live.kind === entry.kind && (describeEntry(live) === describeEntry(entry) || isSameLoop(live, entry)),
  );
}

function isSameLoop(one: JournalEntry, other: JournalEntry): boolean {
  if (one.kind !== "loop" || other.kind !== "loop" || one.backingKey === undefined) return false;
  return one.device === other.device && one.backingKey === other.backingKey;
}

/** Releases one entry and verifies it; false when there was nothing left of it. */
async function release(host: Host, entry: JournalEntry, waitSeconds: number): Promise<boolean> {
  switch (entry.kind) {
    case "loop":
      return await detachLoop(host, entry, waitSeconds);
    case "partition-map":
      return (
        blockDeviceNumber(entry.disk) !== undefined &&
        existsSync("/dev/mapper/control") &&
        (await unmapPartitions(host, entry.disk, waitSeconds))
      );
    case "directory":
      return await removeDirectory(host, entry.path, waitSeconds);
    case "file":
      return await ifPresent(() => removeFile(entry.path));
    case "tree":
      return await removeTree(host, entry.path);
    case "disk":
      return await waitForDisk(host, entry.path, waitSeconds);
  }
}

// After SIGKILL with much unwritten data the kernel keeps the disk for about a second. A longer use is somebody else's,
// and the in-use check reports it.
async function waitForDisk(host: Host, path: string, seconds: number): Promise<false> {
  if (blockDeviceNumber(path) === undefined || !isHeldExclusively(path)) return false;
  if (seconds > 0) host.log.info(`waiting up to ${String(seconds)} s for disk ${path}, which a killed run wrote to`);
  const free = await retryFor(host, seconds, () => (isHeldExclusively(path) ? undefined : true));
  if (free === undefined)
    host.log.warn(`disk ${path}, which a killed run wrote to, is still held${describeUsers(path)}`);
  return false;
}

// A run without its own mount namespace leaves its mounts behind as well.
async function removeDirectory(host: Host, path: string, waitSeconds: number): Promise<boolean> {
  if (path.startsWith(`${join(host.runDir, "mounts")}/`)) await unmountBelow(host, path, waitSeconds);
  return await ifPresent(() => rmdir(path));
}

async function removeFile(path: string): Promise<void> {
  if (lstatSync(path).isDirectory()) throw new KnownError(`${path} is a directory, not the file that was recorded`);
  await unlink(path);
}

async function removeTree(host: Host, path: string): Promise<boolean> {
  if (normalize(path) !== path || path.split("/").length < 3)
    throw new KnownError(`${path} is not a path that this program creates`);
  const status = lstatSync(path, { throwIfNoEntry: false });
  if (status === undefined) return false;
  if (!status.isDirectory()) throw new KnownError(`${path} is not the directory that was recorded`);
  requireSamePlace(path);
  const mount = mountsOfAllNamespaces().find(
    ({ mountPoint }) => mountPoint === path || mountPoint.startsWith(`${path}/`),
  );
  if (mount !== undefined)
    throw new KnownError(`${mount.mountPoint} is mounted`, { hint: `umount ${mount.mountPoint}` });
  await run(host, ["rm", "--recursive", "--force", "--one-file-system", "--", path]);
  return true;
}

// A link in the path leads to what was never ours; where others may write, one could come between look and removal.
function requireSamePlace(path: string): void {
  const real = realpathSync(path);
  if (real !== path) {
    throw new KnownError(`${path} is reached over a symbolic link, which leads to ${real}`, {
      hint: "remove it by hand if it is scratch space; a link to it was put there since, or by CACHE_DIR",
    });
  }
  requireOwned(dirname(path), statSync(dirname(path)), { shared: true });
}

async function ifPresent(remove: () => Promise<void>): Promise<boolean> {
  try {
    await remove();
    return true;
  } catch (error) {
    if (hasCode(error, "ENOENT")) return false;
    throw error;
  }
}
