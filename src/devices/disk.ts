import { constants } from "node:fs";
import { open, realpath, stat, statfs } from "node:fs/promises";
import { join } from "node:path";
import { allAcquired, type Owned, ownedBy, ReleaseStack } from "../host/disposal.ts";
import { hasCode, KnownError, messageOf } from "../host/errors.ts";
import type { Host } from "../host/host.ts";
import { acquireLock, type Lock } from "../host/lock.ts";
import { mebibytes } from "../host/size.ts";
import { readBlockDevice } from "./kernel/block-device.ts";
import { type FileKey, fileKey } from "./kernel/file-key.ts";
import { type DiskIdentity, type NamedDisk, refuseDisksInUse } from "./in-use.ts";
import { attachLoop } from "./attach/loop.ts";
import { syncFile } from "./blocks/sync.ts";

/** A disk of the instance. */
export interface Disk {
  /** The path as it was given. */
  readonly path: string;
  readonly realPath: string;
  readonly kind: "block" | "file";
  /** Always a block device: `realPath`, or the loop device on a file. */
  readonly device: string;
  readonly sizeBytes: number;
  /** Logical sector size in bytes. */
  readonly sectorSize: number;
  readonly readOnly: boolean;
}

export interface AttachOptions {
  /** For a disk that is only read: it may be a read-only snapshot, and is not synced in the end. */
  readonly readOnly?: boolean;
  /** Seconds to wait for another of our runs on this disk; default 2. */
  readonly waitSeconds?: number;
}

/**
 * Takes the disk for this run: finds the real device behind the path, locks it against our other runs, refuses it when
 * it is in use, and puts a loop device on a file. The release syncs what was written and throws when any of it was
 * lost. Throws KnownError for anything that is not a usable disk.
 */
export async function attachDisk(host: Host, path: string, options: AttachOptions = {}): Promise<Disk & Owned> {
  const [disk] = await attachDisks(host, [path], options);
  return disk;
}

/** Takes several disks like {@link attachDisk}. The failures of all of them become one error. */
export async function attachDisks<const T extends readonly string[]>(
  host: Host,
  paths: T,
  options: AttachOptions = {},
): Promise<{ -readonly [K in keyof T]: Disk & Owned }> {
  const found = await allAcquired(paths.map((path) => findDisk(host, path, options)));
  await using locks = new ReleaseStack();
  for (const { lock } of found) locks.use(lock);
  await refuseDisksInUse(host, found);
  const disks = await allAcquired(found.map((disk) => takeDisk(host, disk, options)));
  return disks as { -readonly [K in keyof T]: Disk & Owned };
}

/** A locked disk, which no other run of ours can take. */
interface FoundDisk extends NamedDisk, Owned {
  readonly realPath: string;
  readonly lock: ReleaseStack;
}

async function findDisk(host: Host, path: string, { waitSeconds = 2 }: AttachOptions): Promise<FoundDisk> {
  const realPath = await resolveDisk(path);
  const identity = await identify(path, realPath);
  const lock = new ReleaseStack();
  lock.use(await lockDisk(host, path, identity, waitSeconds));
  return ownedBy({ path, realPath, identity, lock }, lock);
}

async function takeDisk(
  host: Host,
  { path, realPath, identity, lock }: FoundDisk,
  options: AttachOptions,
): Promise<Disk & Owned> {
  await using releases = lock.move();
  refuseUnwritable(path, identity, options);
  if (options.readOnly !== true) {
    releases.use(recordDisk(host, realPath));
    releases.use(await syncedAtTheEnd(host, realPath));
  }
  const attached =
    identity.kind === "file" ? releases.use(await attachFile(host, realPath, options)) : blockDisk(identity);
  return ownedBy(
    { path, realPath, kind: identity.kind, ...attached, readOnly: options.readOnly ?? false },
    releases.move(),
  );
}

async function resolveDisk(path: string): Promise<string> {
  try {
    return await realpath(path);
  } catch (error) {
    if (!hasCode(error, "ENOENT", "ENOTDIR", "ELOOP", "EACCES")) throw error;
    throw new KnownError(`disk ${path} cannot be found: ${messageOf(error)}`, {
      hint: "activate the instance's disks (gnt-instance activate-disks), or correct the path",
      cause: error,
    });
  }
}

async function identify(path: string, realPath: string): Promise<DiskIdentity> {
  const status = await stat(realPath);
  if (status.isBlockDevice()) {
    const block = readBlockDevice(realPath);
    if (block.sizeBytes === 0) throw new KnownError(`disk ${path} has no medium: its size is 0`);
    return { kind: "block", device: realPath, block };
  }
  if (!status.isFile()) throw new KnownError(`disk ${path} is neither a block device nor a regular file`);
  if (status.size < 512) throw new KnownError(`disk ${path} is an empty file`, { hint: `truncate --size=4G ${path}` });
  return { kind: "file", path: realPath, key: fileKey(realPath) ?? "" };
}

// The lock's name is the disk's number or inode, so that two names of one disk meet.
async function lockDisk(host: Host, path: string, identity: DiskIdentity, waitSeconds: number): Promise<Lock> {
  const key = identity.kind === "block" ? `block-${identity.block.number}` : `file-${identity.key}`;
  const lockPath = join(host.runDir, "locks", `disk-${key.replaceAll(":", "-")}`);
  const lock =
    (await acquireLock(host, lockPath, { waitSeconds: 0 })) ?? (await waitForLock(host, path, lockPath, waitSeconds));
  if (lock !== undefined) return lock;
  throw new KnownError(`another run is working on disk ${path}`, {
    hint: `wait for it to end; fuser -v ${lockPath} names it`,
  });
}

async function waitForLock(host: Host, path: string, lockPath: string, waitSeconds: number): Promise<Lock | undefined> {
  if (waitSeconds === 0) return undefined;
  host.log.info(`waiting up to ${String(waitSeconds)} s for another run on disk ${path}`);
  return await acquireLock(host, lockPath, { waitSeconds });
}

function refuseUnwritable(path: string, identity: DiskIdentity, { readOnly }: AttachOptions): void {
  if (readOnly === true || identity.kind === "file" || !identity.block.readOnly) return;
  throw new KnownError(`disk ${path} is read-only`, {
    hint: `blockdev --setrw ${path}, if it may be written`,
  });
}

function recordDisk(host: Host, path: string): Owned {
  const struckOut = host.journal.record({ kind: "disk", path });
  return {
    [Symbol.asyncDispose]: () => {
      struckOut();
      return Promise.resolve();
    },
  };
}

// The descriptor is opened before the first write: fsync(2) reports to it every write error since, whoever else has
// been told already (errseq_t). A run that was interrupted has failed anyway and may have only seconds left.
async function syncedAtTheEnd(host: Host, path: string): Promise<Owned> {
  const file = await open(path, constants.O_RDONLY);
  return {
    [Symbol.asyncDispose]: async () => {
      try {
        if (!host.signal.aborted) await syncFile(path, file);
      } finally {
        await file.close();
      }
    },
  };
}

async function attachFile(host: Host, path: string, options: AttachOptions): Promise<Attached & Owned> {
  await using releases = new ReleaseStack();
  const key = fileKey(path);
  releases.defer(() => requireStillThere(path, key));
  releases.defer(() => warnOfFullFilesystem(host, path));
  const { device } = releases.use(
    await attachLoop(host, path, { offset: 0, sizeLimit: 0, readOnly: options.readOnly ?? false }),
  );
  // What programs wrote to the loop device itself, as a boot loader, goes to the file before the file is synced.
  releases.defer(async () => {
    if (options.readOnly !== true && !host.signal.aborted) await syncFile(device);
  });
  const { sizeBytes, sectorSize } = readBlockDevice(device);
  return ownedBy({ device, sizeBytes, sectorSize }, releases.move());
}

// Data written to a file that is gone, or that no longer belongs to the instance, is lost.
function requireStillThere(path: string, key: FileKey | undefined): Promise<void> {
  if (fileKey(path) === key) return Promise.resolve();
  return Promise.reject(
    new KnownError(`disk ${path} was removed, renamed or replaced while this run worked on it`, {
      hint: "make sure that nothing else works on the instance's disks, then try again",
    }),
  );
}

const mebibyte = 1024 * 1024;

// Programs see only "Input/output error" on the loop device. The write that did not fit leaves its own size free: up to
// 4 MiB (chunkBytes), and the space that the filesystem had reserved for it.
async function warnOfFullFilesystem(host: Host, path: string): Promise<void> {
  const place = await statfs(path).catch(() => undefined);
  if (place === undefined) return;
  const free = place.bavail * place.bsize;
  if (free >= 16 * mebibyte) return;
  host.log.warn(`the filesystem that holds disk ${path} is full: ${mebibytes(free, Math.floor)} left`);
}

interface Attached {
  readonly device: string;
  readonly sizeBytes: number;
  readonly sectorSize: number;
}

function blockDisk(identity: DiskIdentity & { readonly kind: "block" }): Attached {
  const { device, block } = identity;
  return { device, sizeBytes: block.sizeBytes, sectorSize: block.sectorSize };
}
