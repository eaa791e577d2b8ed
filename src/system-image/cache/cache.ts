import type { Config } from "../../config/config.ts";
import { makeDirectories } from "../../host/files/directories.ts";
import { type CacheFolder, openCacheFolder } from "./folder.ts";
import { requireOwnFolders } from "./own-folders.ts";
import { scratchSpace } from "./scratch.ts";

/** The cache of this node: its files, and the settings for what is done to them. */
export interface Cache {
  readonly folder: CacheFolder;
  /** GENERATE_CACHE=no: what is there is used, and nothing is written. */
  readonly writable: boolean;
  /** CLEAN_CACHE: age in days at which a system is removed; undefined: never. */
  readonly days: number | undefined;
  /** IMAGE_CACHE. */
  readonly images: boolean;
}

/**
 * The cache that the settings name; nothing is made before it is needed. Throws KnownError when its directories are not
 * directories, or others than root may change them ({@link requireOwnFolders}).
 */
export async function openCache(config: Config): Promise<Cache> {
  await requireOwnFolders(config.cacheDir, scratchSpace(config.scratchDir, config.cacheDir));
  return {
    folder: openCacheFolder(config.cacheDir),
    writable: config.generateCache,
    days: config.cleanCacheDays,
    images: config.imageCache,
  };
}

/** Makes the folder where it is missing. Throws UnusableDirectory, and system errors (EROFS, EACCES, ENOSPC). */
export async function makeCacheFolder({ directory }: CacheFolder): Promise<void> {
  await makeDirectories(directory, 0o750);
}
