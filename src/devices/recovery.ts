import { existsSync, lstatSync } from "node:fs";
import { rmdir, unlink } from "node:fs/promises";
import { join, normalize } from "node:path";
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
import { run } from "../host/run.ts";
import { blockDeviceNumber, isHeldExclusively } from "./kernel/block-device.ts";
import { describeUsers } from "./kernel/device-users.ts";
import { unmapPartitions } from "./partitions/kpartx.ts";
import { detachLoop } from "./attach/loop.ts";
import { unmountBelow } from "./attach/mount.ts";
import { mountsOfAllNamespaces } from "./kernel/mount-table.ts";
import { retryFor } from "./attach/retry.ts";

/** What a recovery did. */
export interface RecoveryReport {
  /** Dead runs that were found. */
  readonly runs: number;
  /** What was released, as `loop device /dev/loop3`. */
  readonly released: readonly string[];
  /** What could not be released; it stays in the journal for the next start. */
  readonly kept: readonly { readonly what: string; readonly reason: string }[];
}

export interface RecoveryOptions {
  /** Seconds to wait for something that is held, once: what stayed held then is only tried by later starts; default 10. */
  readonly waitSeconds?: number;
  /** Seconds to wait for another recovery; default 60. */
  readonly lockSeconds?: number;
}

/**
 * Releases what runs that were killed have left: what their journals name, when it still is what they name. One
 * recovery at a time; what cannot be released is reported and stays recorded. Never throws for a single leftover.
 */
export async function recoverDeadRuns(host: Host, options: RecoveryOptions = {}): Promise<RecoveryReport> {
  for (const journal of unreadableJournals(host.runDir))
    host.log.warn(`what a run left cannot all be known: ${journal}`);
  if (readDeadRuns(host.runDir).length === 0) return { runs: 0, released: [], kept: [] };
  const lock = await acquireLock(host, join(host.runDir, "locks", "recovery"), {
    waitSeconds: options.lockSeconds ?? 60,
  });
  if (lock === undefined) {
    // Whatever a dead run holds of our own disk, the in-use check finds.
    host.log.warn("another recovery of killed runs does not end; going on without it");
    return { runs: 0, released: [], kept: [] };
  }
  await using _ = lock;
  // Read again: whoever held the lock may have done it all.
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
  // Last acquired, first released; the disks last of all, when nothing of ours holds them any more.
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
        `the run that wrote to disk ${entry.path} was killed before it had finished: it may hold half a guest`,
      );
  }
  if (kept.length === 0) dead.forget();
  else dead.keep(kept.map(({ entry }) => entry).reverse());
  const owner = `run ${String(dead.owner.pid)}, which was killed`;
  if (released.length > 0) host.log.info(`released what was left by ${owner}: ${released.join(", ")}`);
  for (const { what, reason } of kept) host.log.warn(`${what}, left by ${owner}, cannot be released: ${reason}`);
  return { runs: 1, released, kept: kept.map(({ what, reason }) => ({ what, reason })) };
}

// Scratch trees and partial files are named by the system they are for, and loop devices get used again: a run that
// was waiting for the dead one's lock may be at work under the same name, and answers for it now.
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

// After SIGKILL with much unwritten data the kernel keeps the disk for about a second; what lasts longer is somebody
// else's use, of which the in-use check speaks.
async function waitForDisk(host: Host, path: string, seconds: number): Promise<false> {
  if (blockDeviceNumber(path) === undefined || !isHeldExclusively(path)) return false;
  if (seconds > 0) host.log.info(`waiting up to ${String(seconds)} s for disk ${path}, which a killed run wrote to`);
  const free = await retryFor(host, seconds, () => (isHeldExclusively(path) ? undefined : true));
  if (free === undefined)
    host.log.warn(`disk ${path}, which a killed run wrote to, is still held${describeUsers(path)}`);
  return false;
}

// A run without a mount namespace of its own leaves its mounts behind as well.
async function removeDirectory(host: Host, path: string, waitSeconds: number): Promise<boolean> {
  if (path.startsWith(`${join(host.runDir, "mounts")}/`)) await unmountBelow(host, path, waitSeconds);
  return await ifPresent(() => rmdir(path));
}

async function removeFile(path: string): Promise<void> {
  if (lstatSync(path).isDirectory()) throw new KnownError(`${path} is a directory, not the file that was recorded`);
  await unlink(path);
}

async function removeTree(host: Host, path: string): Promise<boolean> {
  if (normalize(path) !== path || path.split("/").length < 3) throw new KnownError(`${path} is no path of ours`);
  const status = lstatSync(path, { throwIfNoEntry: false });
  if (status === undefined) return false;
  if (!status.isDirectory()) throw new KnownError(`${path} is not the directory that was recorded`);
  const mount = mountsOfAllNamespaces().find(
    ({ mountPoint }) => mountPoint === path || mountPoint.startsWith(`${path}/`),
  );
  if (mount !== undefined)
    throw new KnownError(`${mount.mountPoint} is mounted`, { hint: `umount ${mount.mountPoint}` });
  await run(host, ["rm", "--recursive", "--force", "--one-file-system", "--", path]);
  return true;
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
