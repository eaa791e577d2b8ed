import { stat } from "node:fs/promises";
import { join } from "node:path";
import type { Config } from "../config/config.ts";
import { hasCode } from "../host/errors.ts";
import { openCacheFolder, type CacheFolder, ownerOf } from "./cache/folder.ts";
import type { CacheKey } from "./cache/system-key.ts";
import { ageInDays, isExpired, isPinned } from "./cache/expiry.ts";
import { findManifest, type FoundManifest } from "./cache/manifest.ts";

/** One cached system as `cache list` shows it. Sizes in bytes. */
export interface CachedSystem {
  readonly name: string;
  readonly path: string;
  readonly size: number;
  readonly ageDays: number;
  /** `kept`: not writable by its owner, never expires. */
  readonly state: "valid" | "expired" | "kept";
  /** Whose: bootstrapped by us, or put there or edited by an administrator; `unknown`: its manifest cannot be read. */
  readonly origin: "built" | "administrator" | "unknown";
  readonly key: CacheKey | undefined;
  readonly packages: number | undefined;
  readonly images: readonly { readonly path: string; readonly size: number }[];
}

/** All cached systems, by name. */
export async function listCaches(config: Config): Promise<readonly CachedSystem[]> {
  const folder = openCacheFolder(config.cacheDir);
  const systems = [];
  for (const name of await folder.names()) {
    const system = await describe(folder, name, config.cleanCacheDays);
    if (system !== undefined) systems.push(system);
  }
  return systems;
}

async function describe(
  folder: CacheFolder,
  name: string,
  days: number | undefined,
): Promise<CachedSystem | undefined> {
  const path = folder.tar(name);
  const stats = await statIfThere(path);
  if (stats === undefined) return undefined;
  const manifest = await findManifest(folder.manifest(name));
  return {
    name,
    path,
    size: stats.size,
    ageDays: ageInDays(stats.mtime),
    state: isPinned(stats) ? "kept" : isExpired(stats, days) ? "expired" : "valid",
    ...originOf(manifest),
    images: await imagesOf(folder, name),
  };
}

function originOf(manifest: FoundManifest): Pick<CachedSystem, "origin" | "key" | "packages"> {
  if (manifest === "unreadable") return { origin: "unknown", key: undefined, packages: undefined };
  if (manifest?.kind !== "built") return { origin: "administrator", key: undefined, packages: undefined };
  return { origin: "built", key: manifest.key, packages: Object.keys(manifest.packages).length };
}

async function imagesOf(folder: CacheFolder, name: string): Promise<CachedSystem["images"]> {
  const images = [];
  for (const file of await folder.files()) {
    if (ownerOf(file) !== name || !file.endsWith(".img")) continue;
    const path = join(folder.directory, file);
    const stats = await statIfThere(path);
    if (stats !== undefined) images.push({ path, size: stats.size });
  }
  return images;
}

async function statIfThere(path: string) {
  try {
    return await stat(path);
  } catch (error) {
    if (hasCode(error, "ENOENT")) return undefined;
    throw error;
  }
}
