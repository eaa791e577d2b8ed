import { open, rename, stat, type FileHandle } from "node:fs/promises";
import { hasCode, messageOf } from "../../host/errors.ts";
import type { Host } from "../../host/host.ts";
import type { Lock } from "../../host/lock.ts";
import { type CacheFolder, waitForSystem } from "./folder.ts";
import { isPinnedTar, removeDerived } from "./expiry.ts";
import {
  type FileStamp,
  findManifest,
  type FoundManifest,
  type Manifest,
  readManifest,
  sameNominal,
  sameStamp,
  stampOf,
  writeManifest,
} from "./manifest.ts";
import { sha256Of } from "../../host/sha256.ts";
import { DamagedTar, surveyTar } from "../tree/tar.ts";

/** A tar that was found whole. The open file stays readable whatever happens to its name. */
export interface CheckedTar {
  readonly name: string;
  readonly file: FileHandle;
  readonly manifest: Manifest;
}

/** What looking at a tar found. `damaged` says why it must not be used. */
export type Verdict =
  | { readonly kind: "whole"; readonly manifest: Manifest; readonly changed: boolean; readonly edited: boolean }
  | { readonly kind: "damaged"; readonly reason: string };

/**
 * Opens the tar of `name` when it is whole, without reading it as long as size, times and inode are those recorded.
 * A damaged one is set aside with a warning; one that somebody rewrote is an administrator's edit: what was derived
 * from it is dropped and it is used. Returns undefined when there is no usable tar. `locked` says that the caller holds
 * the system's lock; otherwise it is taken here when anything must be judged, because a builder may be at work.
 */
export async function openChecked(
  host: Host,
  folder: CacheFolder,
  name: string,
  locked: boolean,
): Promise<CheckedTar | undefined> {
  const untouched = await openUntouched(folder, name);
  if (untouched !== undefined || !(await exists(folder.tar(name)))) return untouched;
  await using _lock = locked ? undefined : await lockIfWritable(host, folder, name);
  return await openJudged(host, folder, name);
}

async function openUntouched(folder: CacheFolder, name: string): Promise<CheckedTar | undefined> {
  const manifest = await readManifest(folder.manifest(name));
  const file = await openTar(folder.tar(name));
  if (file === undefined) return undefined;
  if (manifest !== undefined && sameStamp(manifest.stamp, stampOf(await file.stat({ bigint: true })))) {
    return { name, file, manifest };
  }
  await file.close();
  return undefined;
}

async function openJudged(host: Host, folder: CacheFolder, name: string): Promise<CheckedTar | undefined> {
  const file = await openTar(folder.tar(name));
  if (file === undefined) return undefined;
  try {
    const manifest = await checkedManifest(host, folder, name, file);
    if (manifest !== undefined) return { name, file, manifest };
  } catch (error) {
    await file.close();
    throw error;
  }
  await file.close();
  return undefined;
}

// A cache on a read-only filesystem is used as well; nobody builds there either. Nor is it a reason to do without a good
// tar when the lock cannot be had for another one: no space, no inodes (mkdir then says ENOENT), no locks on a server.
async function lockIfWritable(host: Host, folder: CacheFolder, name: string): Promise<Lock | undefined> {
  try {
    return await waitForSystem(host, folder, name, "is working on");
  } catch (error) {
    if (host.signal.aborted) throw error;
    if (!hasCode(error, "EROFS", "EACCES", "EPERM")) {
      host.log.warn(`the cache ${folder.tar(name)} cannot be locked, looked at without: ${messageOf(error)}`);
    }
    return undefined;
  }
}

/**
 * Judges an open tar against its manifest; `full` reads it whole even when it looks untouched. One whose manifest is
 * there and cannot be read is not an administrator's own, which serves every configuration: it may be ours.
 */
export async function judgeTar(
  host: Host,
  path: string,
  file: FileHandle,
  manifest: FoundManifest,
  full = false,
): Promise<Verdict> {
  if (manifest === "unreadable") {
    return { kind: "damaged", reason: "its manifest cannot be read, so that what it was made for is not known" };
  }
  const stamp = stampOf(await file.stat({ bigint: true }));
  if (manifest !== undefined && !full && sameStamp(manifest.stamp, stamp)) {
    return { kind: "whole", manifest, changed: false, edited: false };
  }
  const sha256 = await host.log.phase(`check ${path}`, () => sha256Of(file));
  if (manifest?.sha256 === sha256) {
    return { kind: "whole", manifest: { ...manifest, stamp }, changed: true, edited: false };
  }
  if (manifest?.stamp !== undefined && sameNominal(manifest.stamp, stamp)) {
    return { kind: "damaged", reason: "its bytes changed although its size, time and inode did not" };
  }
  return await judgeForeign(host, path, { sha256, stamp }, manifest !== undefined);
}

/**
 * Moves a damaged tar out of the way, so that its owner can look at it, and drops what was derived from it. Where it
 * cannot be moved (a read-only filesystem, an immutable file) that is said: the caller does not use it in any case.
 */
export async function setAside(host: Host, folder: CacheFolder, name: string, reason: string): Promise<void> {
  const damage = `the cache ${folder.tar(name)} is damaged (${reason})`;
  const damaged = `${folder.tar(name)}.damaged`;
  try {
    const aside = (await isPinnedTar(damaged)) ? await freePath(damaged) : damaged;
    await rename(folder.tar(name), aside);
    host.log.warn(`${damage}: set aside as ${aside}`);
  } catch (error) {
    host.log.warn(`${damage}: not used, but it cannot be set aside: ${messageOf(error)}`);
    return;
  }
  await dropDerived(host, folder, name);
}

/**
 * Moves an administrator's own tar out of the way of one that is to replace it. Not named as a damaged one: nothing of
 * ours removes it.
 */
export async function setAsideOwn(host: Host, folder: CacheFolder, name: string): Promise<void> {
  const aside = await freePath(`${folder.tar(name)}.replaced`);
  await rename(folder.tar(name), aside);
  host.log.warn(`the cache ${folder.tar(name)} is an administrator's own and gets replaced: set aside as ${aside}`);
}

async function freePath(path: string): Promise<string> {
  for (let number = 0, free = path; ; number += 1, free = `${path}.${String(number)}`) {
    if (!(await exists(free))) return free;
  }
}

async function checkedManifest(
  host: Host,
  folder: CacheFolder,
  name: string,
  file: FileHandle,
): Promise<Manifest | undefined> {
  const verdict = await judgeTar(host, folder.tar(name), file, await findManifest(folder.manifest(name)));
  if (verdict.kind === "damaged") {
    await setAside(host, folder, name, verdict.reason);
    return undefined;
  }
  if (verdict.edited) {
    host.log.info(`the cache ${folder.tar(name)} was edited: used as an administrator's own from now on`);
    await dropDerived(host, folder, name);
  }
  if (verdict.changed) await remember(host, folder.manifest(name), verdict.manifest);
  return verdict.manifest;
}

// Left behind it does no harm: the checksum tells that the manifest is another tar's, and an image has it in its name.
async function dropDerived(host: Host, folder: CacheFolder, name: string): Promise<void> {
  try {
    await removeDerived(folder, name);
  } catch (error) {
    host.log.warn(`what was derived from ${folder.tar(name)} cannot be removed: ${messageOf(error)}`);
  }
}

async function judgeForeign(
  host: Host,
  path: string,
  found: { readonly sha256: string; readonly stamp: FileStamp },
  edited: boolean,
): Promise<Verdict> {
  try {
    const tree = await surveyTar(host, path);
    return { kind: "whole", manifest: { kind: "adopted", version: 1, ...found, tree }, changed: true, edited };
  } catch (error) {
    if (error instanceof DamagedTar) return { kind: "damaged", reason: messageOf(error) };
    throw error;
  }
}

// Without the record the next run reads the tar again: slower, not wrong (a cache on a read-only filesystem).
async function remember(host: Host, path: string, manifest: Manifest): Promise<void> {
  try {
    await writeManifest(path, manifest);
  } catch (error) {
    host.log.debug(`cannot write ${path}: ${messageOf(error)}`);
  }
}

async function exists(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch (error) {
    if (hasCode(error, "ENOENT")) return false;
    throw error;
  }
}

async function openTar(path: string): Promise<FileHandle | undefined> {
  try {
    return await open(path, "r");
  } catch (error) {
    if (hasCode(error, "ENOENT")) return undefined;
    throw error;
  }
}
