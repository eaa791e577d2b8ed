import type { Config } from "../config/config.ts";
import { openCache } from "./cache/cache.ts";
import { ageInDays, isExpired } from "./cache/expiry.ts";
import type { CacheEntry } from "./cache/folder.ts";
import type { FoundManifest } from "./cache/manifest.ts";
import { isPinned, statIfThere } from "./cache/pins.ts";
import type { SystemSpec } from "./spec/system-spec.ts";

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
  readonly key: SystemSpec | undefined;
  readonly packages: number | undefined;
  readonly images: readonly { readonly path: string; readonly size: number }[];
}

/** All cached systems, by name. */
export async function listCaches(config: Config): Promise<readonly CachedSystem[]> {
  const { folder, days } = await openCache(config);
  const systems = [];
  for (const entry of await folder.entries()) {
    const system = await describe(entry, days);
    if (system !== undefined) systems.push(system);
  }
  return systems;
}

async function describe(entry: CacheEntry, days: number | undefined): Promise<CachedSystem | undefined> {
  const stats = await statIfThere(entry.tarPath);
  if (stats === undefined) return undefined;
  return {
    name: entry.name,
    path: entry.tarPath,
    size: stats.size,
    ageDays: ageInDays(stats.mtime),
    state: isPinned(stats) ? "kept" : isExpired(stats, days) ? "expired" : "valid",
    ...originOf(await entry.manifest()),
    images: await imagesOf(entry),
  };
}

function originOf(manifest: FoundManifest): Pick<CachedSystem, "origin" | "key" | "packages"> {
  if (manifest === "unreadable") return { origin: "unknown", key: undefined, packages: undefined };
  if (manifest?.kind !== "built") return { origin: "administrator", key: undefined, packages: undefined };
  return { origin: "built", key: manifest.key, packages: Object.keys(manifest.packages).length };
}

async function imagesOf(entry: CacheEntry): Promise<CachedSystem["images"]> {
  const images = [];
  for (const path of await entry.images()) {
    const stats = await statIfThere(path);
    if (stats !== undefined) images.push({ path, size: stats.size });
  }
  return images;
}
