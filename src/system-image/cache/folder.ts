import { mkdir, readdir } from "node:fs/promises";
import { join } from "node:path";
import { hasCode } from "../../host/errors.ts";
import type { Host } from "../../host/host.ts";
import { acquireLock, type Lock } from "../../host/lock.ts";

/**
 * The files of CACHE_DIR. A system is known by its name (`cache-SUITE-ARCH`, or with `-HASH`); beside its tar lie a
 * manifest and images derived from it. Whatever is half-written carries the name of the lock that its writer holds.
 */
export interface CacheFolder {
  readonly directory: string;
  tar(name: string): string;
  manifest(name: string): string;
  /** A filesystem image derived from the tar; `variant` tells images of one tar apart. */
  image(name: string, variant: string): string;
  /** Where a file of this folder is written before it is complete. */
  partial(path: string): string;
  /** Downloaded packages, for the next bootstrap. */
  readonly debs: string;
  /** An empty file whose time is that of the system's last use. */
  usedMark(name: string): string;
  /** Names of all systems that have a tar. */
  names(): Promise<readonly string[]>;
  /** All file names in the folder. */
  files(): Promise<readonly string[]>;
}

const tarSuffix = ".tar";

/** Opens CACHE_DIR; nothing is made before it is needed. */
export function openCacheFolder(directory: string): CacheFolder {
  const files = (): Promise<readonly string[]> => listing(directory);
  return {
    directory,
    tar: (name) => join(directory, `${name}${tarSuffix}`),
    manifest: (name) => join(directory, `${name}.manifest.json`),
    image: (name, variant) => join(directory, `${name}.${variant}.img`),
    partial: (path) => `${path}.partial`,
    debs: join(directory, "debs"),
    usedMark: (name) => join(directory, "locks", `${name}.used`),
    names: async () => (await files()).filter(isCacheTar).map((file) => file.slice(0, -tarSuffix.length)),
    files,
  };
}

/** Makes the folder where it is missing. Throws system errors (EROFS, EACCES, ENOSPC). */
export async function makeCacheFolder(folder: CacheFolder): Promise<void> {
  await mkdir(folder.directory, { recursive: true, mode: 0o755 });
}

/**
 * The lock of everybody who builds, replaces or removes the system `name`. `"try"` returns undefined at once when
 * another process holds it. Readers take no lock: they read an open file, which stays whole when its name goes.
 */
export function lockSystem(
  host: Host,
  folder: CacheFolder,
  name: string,
  how: "wait" | "try",
): Promise<Lock | undefined> {
  return acquireLock(host, join(folder.directory, "locks", `${name}.lock`), how === "try" ? { waitSeconds: 0 } : {});
}

/** As {@link lockSystem}, until the lock is had; a wait is said, with what the other process `does`. */
export async function waitForSystem(
  host: Host,
  folder: CacheFolder,
  name: string,
  does: "is making" | "is working on",
): Promise<Lock | undefined> {
  const lock = await lockSystem(host, folder, name, "try");
  if (lock !== undefined) return lock;
  host.log.info(`another process ${does} ${folder.tar(name)}: waiting for it`);
  return await host.log.phase("wait for the cache", () => lockSystem(host, folder, name, "wait"));
}

/** Whether `file` is a name that a cached tar has. */
export function isCacheTar(file: string): boolean {
  return file.startsWith("cache-") && file.endsWith(tarSuffix);
}

/** Which system a file of the folder belongs to; undefined for a foreign file. */
export function ownerOf(file: string): string | undefined {
  return /^(cache-.+?)\.(?:tar|manifest\.json|[a-z0-9-]+\.img)(?:\.partial)?$/.exec(file)?.[1];
}

async function listing(directory: string): Promise<readonly string[]> {
  try {
    return (await readdir(directory)).sort();
  } catch (error) {
    if (hasCode(error, "ENOENT")) return [];
    throw error;
  }
}
