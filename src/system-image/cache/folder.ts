import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { hasCode, KnownError, messageOf } from "../../host/errors.ts";
import type { Host } from "../../host/host.ts";
import { acquireLock, type Lock } from "../../host/lock.ts";
import { findManifest, type FoundManifest } from "./manifest.ts";

/**
 * The files of CACHE_DIR. A system is known by its name (`cache-SUITE-ARCH`, or with `-HASH`); beside its tar lie a
 * manifest and images derived from it. A half-written file carries the name of the lock that its writer holds.
 */
export interface CacheFolder {
  readonly directory: string;
  /** Downloaded packages, for the next bootstrap. */
  readonly debs: string;
  /** The system of this name, whether there is anything of it or not. */
  entry(name: string): CacheEntry;
  /** All systems that have a tar, by name. */
  entries(): Promise<readonly CacheEntry[]>;
  /** All file names in the folder. */
  files(): Promise<readonly string[]>;
}

/** One system in the cache. */
export interface CacheEntry {
  readonly name: string;
  readonly folder: CacheFolder;
  readonly tarPath: string;
  readonly manifestPath: string;
  /** An empty file whose time is that of the system's last use. */
  readonly usedPath: string;
  /** A filesystem image derived from the tar; `variant` tells images of one tar apart. */
  imagePath(variant: string): string;
  /** Paths of the images that are there, complete ones only. */
  images(): Promise<readonly string[]>;
  /** Paths of all that belongs to the system: tar, manifest, images, and what is half-written of them. */
  files(): Promise<readonly string[]>;
  /** Reads and checks the manifest. */
  manifest(): Promise<FoundManifest>;
  /**
   * The lock of everybody who builds, replaces or removes the system; undefined at once when another process holds it.
   * Readers take no lock: they read an open file, which stays whole when its name goes.
   */
  tryLock(host: Host): Promise<Lock | undefined>;
  /** The same lock, waited for; a wait is logged, with what the other process `does`. */
  lock(host: Host, does?: "is making" | "is working on"): Promise<Lock | undefined>;
}

const tarSuffix = ".tar";

/** Opens CACHE_DIR; nothing is made before it is needed. */
export function openCacheFolder(directory: string): CacheFolder {
  const files = (): Promise<readonly string[]> => listing(directory);
  const folder: CacheFolder = {
    directory,
    debs: join(directory, "debs"),
    entry: (name) => openEntry(folder, name),
    entries: async () =>
      (await files()).filter(isCacheTar).map((file) => openEntry(folder, file.slice(0, -tarSuffix.length))),
    files,
  };
  return folder;
}

/** Whether `file` is a name that a cached tar has. */
export function isCacheTar(file: string): boolean {
  return file.startsWith("cache-") && file.endsWith(tarSuffix);
}

/** Which system a file of the folder belongs to; undefined for a foreign file. */
export function ownerOf(file: string): string | undefined {
  return /^(cache-.+?)\.(?:tar|manifest\.json|[a-z0-9-]+\.img)(?:\.partial)?$/.exec(file)?.[1];
}

function openEntry(folder: CacheFolder, name: string): CacheEntry {
  const inFolder = (...parts: readonly string[]): string => join(folder.directory, ...parts);
  const manifestPath = inFolder(`${name}.manifest.json`);
  const tarPath = inFolder(`${name}${tarSuffix}`);
  const lockPath = inFolder("locks", `${name}.lock`);
  const files = async (): Promise<readonly string[]> =>
    (await folder.files()).filter((file) => ownerOf(file) === name).map((file) => inFolder(file));
  return {
    name,
    folder,
    tarPath,
    manifestPath,
    usedPath: inFolder("locks", `${name}.used`),
    imagePath: (variant) => inFolder(`${name}.${variant}.img`),
    images: async () => (await files()).filter((path) => path.endsWith(".img")),
    files,
    manifest: () => findManifest(manifestPath),
    tryLock: (host) => acquireLock(host, lockPath, { waitSeconds: 0 }),
    async lock(host, does = "is working on") {
      const lock = await acquireLock(host, lockPath, { waitSeconds: 0 });
      if (lock !== undefined) return lock;
      host.log.info(`another process ${does} ${tarPath}: waiting for it`);
      return await host.log.phase("wait for the cache", () => acquireLock(host, lockPath));
    },
  };
}

async function listing(directory: string): Promise<readonly string[]> {
  try {
    return (await readdir(directory)).sort();
  } catch (error) {
    if (hasCode(error, "ENOENT")) return [];
    throw new KnownError(`cannot read ${directory}: ${messageOf(error)}`, { cause: error });
  }
}
