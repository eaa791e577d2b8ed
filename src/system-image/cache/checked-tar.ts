import type { FileHandle } from "node:fs/promises";
import { hasCode, messageOf } from "../../host/errors.ts";
import type { Host } from "../../host/host.ts";
import type { Lock } from "../../host/lock.ts";
import { openCacheFile } from "./cache-file.ts";
import type { CacheEntry } from "./folder.ts";
import { judgeTar } from "./judge-tar.ts";
import { type FoundManifest, type Manifest, sameStamp, stampOf, writeManifest } from "./manifest.ts";
import { dropDerived, setAside } from "./set-aside.ts";

/** A tar that was found whole. The open file stays readable whatever happens to its name. */
export interface CheckedTar {
  readonly entry: CacheEntry;
  readonly file: FileHandle;
  readonly manifest: Manifest;
}

/**
 * Opens the tar of `entry` when it is whole, without reading it as long as size, times and inode are those recorded.
 * A damaged one is set aside with a warning; one that somebody rewrote is an administrator's edit: what was derived
 * from it is dropped and it is used. Returns undefined when there is no usable tar. `locked` says that the caller holds
 * the system's lock; otherwise it is taken here when anything must be judged, because a builder may be at work. Throws
 * KnownError when what lies there is not a regular file.
 */
export async function openChecked(host: Host, entry: CacheEntry, locked: boolean): Promise<CheckedTar | undefined> {
  const found = await openUntouched(entry);
  if (found !== "unjudged") return found;
  await using _lock = locked ? undefined : await lockIfWritable(host, entry);
  return await openJudged(host, entry);
}

async function openUntouched(entry: CacheEntry): Promise<CheckedTar | "unjudged" | undefined> {
  const manifest = await entry.manifest();
  const file = await openCacheFile(entry.tarPath);
  if (file === undefined) return undefined;
  if (isReadable(manifest) && sameStamp(manifest.stamp, stampOf(await file.stat({ bigint: true })))) {
    return { entry, file, manifest };
  }
  await file.close();
  return "unjudged";
}

function isReadable(manifest: FoundManifest): manifest is Manifest {
  return manifest !== undefined && manifest !== "unreadable";
}

async function openJudged(host: Host, entry: CacheEntry): Promise<CheckedTar | undefined> {
  const file = await openCacheFile(entry.tarPath);
  if (file === undefined) return undefined;
  try {
    const manifest = await judgedManifest(host, entry, file);
    if (manifest !== undefined) return { entry, file, manifest };
  } catch (error) {
    await file.close();
    throw error;
  }
  await file.close();
  return undefined;
}

// A cache on a read-only filesystem is used as well; nobody builds there either. Nor is it a reason to do without a good
// tar when the lock cannot be had for another one: no space, no inodes (mkdir then says ENOENT), no locks on a server.
async function lockIfWritable(host: Host, entry: CacheEntry): Promise<Lock | undefined> {
  try {
    return await entry.lock(host);
  } catch (error) {
    if (host.signal.aborted) throw error;
    if (!hasCode(error, "EROFS", "EACCES", "EPERM")) {
      host.log.warn(`the cache ${entry.tarPath} cannot be locked, looked at without: ${messageOf(error)}`);
    }
    return undefined;
  }
}

async function judgedManifest(host: Host, entry: CacheEntry, file: FileHandle): Promise<Manifest | undefined> {
  const verdict = await judgeTar(host, entry.tarPath, file, await entry.manifest());
  if (verdict.kind === "damaged") {
    await setAside(host, entry, verdict.reason);
    return undefined;
  }
  if (verdict.edited) {
    host.log.info(`the cache ${entry.tarPath} was edited: used as an administrator's own from now on`);
    await dropDerived(host, entry);
  }
  if (verdict.changed) await remember(host, entry, verdict.manifest);
  return verdict.manifest;
}

// Without the record the next run reads the tar again: slower, not wrong (a cache on a read-only filesystem).
async function remember(host: Host, { manifestPath }: CacheEntry, manifest: Manifest): Promise<void> {
  try {
    await writeManifest(manifestPath, manifest);
  } catch (error) {
    host.log.debug(`cannot write ${manifestPath}: ${messageOf(error)}`);
  }
}
