import { randomBytes } from "node:crypto";
import { copyFile, type FileHandle, link, readdir, rename, rm, stat, utimes } from "node:fs/promises";
import { join } from "node:path";
import { makeDirectories } from "../../host/files/directories.ts";
import { hasCode, KnownError } from "../../host/errors.ts";
import type { ArchivePackage } from "./packages-index.ts";
import { openCacheFile } from "../cache/cache-file.ts";
import { sha256Of } from "../../host/files/sha256.ts";

const mebibyte = 1024 * 1024;
/** In milliseconds. No copy of a package takes as long; its writer may be on another node. */
const hour = 60 * 60 * 1000;

/** The name apt and debootstrap give to a downloaded package: the colon of an epoch is escaped. */
export function debName({ name, version, arch }: Pick<ArchivePackage, "name" | "version" | "arch">): string {
  return `${name}_${version.replaceAll(":", "%3a")}_${arch}.deb`;
}

/**
 * Puts the .debs of `packages` that the cache `directory` has, and that are what the archive's index says, into
 * `target`. Returns those it does not have.
 */
export async function takeCachedDebs(
  directory: string,
  packages: readonly ArchivePackage[],
  target: string,
): Promise<readonly ArchivePackage[]> {
  const missing: ArchivePackage[] = [];
  for (const wanted of packages) {
    const name = debName(wanted);
    const cached = join(directory, name);
    if ((await isWhole(cached, wanted)) && (await linkOrCopy(cached, join(target, name)))) continue;
    // Another would never take the place of a damaged one.
    await rm(cached, { force: true }).catch(() => undefined);
    missing.push(wanted);
  }
  return missing;
}

/**
 * Adds the .debs in `source` to the cache, marks them as used now, and removes those not used for longest until no more
 * than `limitMiB` are kept (0 keeps nothing).
 */
export async function keepDebs(directory: string, source: string, limitMiB: number): Promise<void> {
  if (limitMiB > 0) {
    await makeDirectories(directory, 0o750);
    const now = new Date();
    for (const name of await debNames(source)) {
      await addDeb(join(source, name), join(directory, name));
      await unlessGone(utimes(join(directory, name), now, now));
    }
  }
  await pruneDebs(directory, limitMiB);
}

/**
 * Removes the .debs not used for longest until no more than `limitMiB` are kept, and what dead runs left half-written.
 * Other processes may do so at the same time. Returns the names of the .debs removed.
 */
export async function pruneDebs(directory: string, limitMiB: number): Promise<readonly string[]> {
  for (const name of await namesIn(directory)) {
    if (!name.endsWith(".partial")) continue;
    const stats = await unlessGone(stat(join(directory, name)));
    if (stats !== undefined && Date.now() - stats.mtimeMs > hour) await rm(join(directory, name), { force: true });
  }
  const files = [];
  for (const name of await debNames(directory)) {
    const stats = await unlessGone(stat(join(directory, name)));
    if (stats !== undefined) files.push({ name, size: stats.size, mtimeMs: stats.mtimeMs });
  }
  files.sort((a, b) => b.mtimeMs - a.mtimeMs);
  let kept = 0;
  const removed = files.filter(({ size }) => (kept += size) > limitMiB * mebibyte).map(({ name }) => name);
  for (const name of removed) await rm(join(directory, name), { force: true });
  return removed;
}

async function addDeb(from: string, to: string): Promise<void> {
  if (await exists(to)) return;
  const partial = `${to}.${randomBytes(8).toString("hex")}.partial`;
  await copyFile(from, partial);
  await rename(partial, to);
}

async function isWhole(path: string, { size, sha256 }: ArchivePackage): Promise<boolean> {
  const file = await openPackage(path);
  if (file === undefined) return false;
  try {
    return (await file.stat()).size === size && (await sha256Of(file)) === sha256;
  } finally {
    await file.close();
  }
}

// One that others may write to could still change behind its checksum.
async function openPackage(path: string): Promise<FileHandle | undefined> {
  try {
    return await openCacheFile(path);
  } catch (error) {
    if (error instanceof KnownError) return undefined;
    throw error;
  }
}

// False when it is gone: pruned by another process since it was looked at.
async function linkOrCopy(from: string, to: string): Promise<boolean> {
  try {
    await link(from, to);
    return true;
  } catch {
    return (await unlessGone(copyFile(from, to).then(() => true))) ?? false;
  }
}

async function unlessGone<T>(work: Promise<T>): Promise<T | undefined> {
  try {
    return await work;
  } catch (error) {
    if (hasCode(error, "ENOENT")) return undefined;
    throw error;
  }
}

async function debNames(directory: string): Promise<readonly string[]> {
  return (await namesIn(directory)).filter((name) => name.endsWith(".deb"));
}

async function namesIn(directory: string): Promise<readonly string[]> {
  return (await unlessGone(readdir(directory))) ?? [];
}

async function exists(path: string): Promise<boolean> {
  return (await unlessGone(stat(path))) !== undefined;
}
