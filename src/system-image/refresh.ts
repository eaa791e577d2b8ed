import { stat, utimes } from "node:fs/promises";
import { join } from "node:path";
import type { Config } from "../config/config.ts";
import { ReleaseStack } from "../host/disposal.ts";
import { messageOf } from "../host/errors.ts";
import type { Host } from "../host/host.ts";
import { preflight } from "./archive/archive.ts";
import { askArchive, canPrefetch, type Offer } from "./archive/prefetch.ts";
import { bootstrapMeans } from "./archive/bootstrap-means.ts";
import { rebuild, type Workshop } from "./build.ts";
import { openCache } from "./cache/cache.ts";
import { openChecked } from "./cache/checked-tar.ts";
import { ageInDays } from "./cache/expiry.ts";
import type { CacheEntry } from "./cache/folder.ts";
import { judgeTar } from "./cache/judge-tar.ts";
import { daysUnused } from "./cache/last-use.ts";
import { type BuiltManifest, type Manifest, stampOf, writeManifest } from "./cache/manifest.ts";
import { openCacheFile } from "./cache/cache-file.ts";
import { isPinned, statIfThere } from "./cache/pins.ts";
import { acquireScratch, scratchPlaces } from "./cache/scratch.ts";

/** What a refresh did to one cached system. */
export interface Refreshed {
  readonly name: string;
  readonly outcome: "fresh" | "unchanged" | "rebuilt" | "kept" | "failed";
  /** Why it was kept or failed. */
  readonly reason?: string;
}

/** Days before expiry at which a cache is renewed: the timer runs daily, and a run may fail. */
const marginDays = 2;
/** Days after which a system that nobody asked for, as of a variant that was changed since, is left to expire. */
const unusedDays = 90;
const indexBytes = 512 * 1024 * 1024;

/**
 * Renews every cached system that would soon be too old (`all`: every one), from the settings in its manifest. One whose
 * packages are all still what the archive offers only gets a new date. What fails is told and does not stop the others.
 */
export async function refreshCaches(host: Host, config: Config, all: boolean): Promise<readonly Refreshed[]> {
  // The bootloader of the guests to come is not known; without one mkfs is as for most.
  const filesystem = { type: config.filesystem, bootloader: "none" } as const;
  const workshop = { cache: await openCache(config), means: bootstrapMeans(config), filesystem };
  const results: Refreshed[] = [];
  for (const entry of await workshop.cache.folder.entries()) {
    try {
      results.push({ name: entry.name, ...(await refreshOne(host, workshop, entry, all)) });
    } catch (error) {
      if (host.signal.aborted) throw error;
      results.push({ name: entry.name, outcome: "failed", reason: messageOf(error) });
    }
  }
  return results;
}

type Result = Omit<Refreshed, "name">;

async function refreshOne(host: Host, workshop: Workshop, entry: CacheEntry, all: boolean): Promise<Result> {
  const { days } = workshop.cache;
  const reason = await reasonToKeep(days, entry, all);
  if (reason !== undefined) return { outcome: reason === "fresh" ? "fresh" : "kept", reason };
  const unused = all ? 0 : await daysUnused(entry);
  if (unused > unusedDays) return { outcome: "kept", reason: `not used for ${String(unused)} days: it may expire` };
  await using _lock = await entry.lock(host);
  const manifest = await currentManifest(host, entry);
  if (manifest === undefined) return { outcome: "kept", reason: "damaged: the next create makes it anew" };
  if (manifest.kind === "adopted") return { outcome: "kept", reason: "an administrator's own" };
  const again = await reasonToKeep(days, entry, all);
  if (again !== undefined) return { outcome: "fresh", reason: again };
  if (await isCurrent(host, workshop, entry, manifest)) {
    await renew(entry, manifest);
    host.log.info(`${entry.tarPath}: the archive has no newer packages`);
    return { outcome: "unchanged" };
  }
  await rebuild(host, workshop, { spec: manifest.key, entry, chosen: [] });
  return { outcome: "rebuilt" };
}

// Looked at as a create does: an edit since the manifest was written must not be lost.
async function currentManifest(host: Host, entry: CacheEntry): Promise<Manifest | undefined> {
  const tar = await openChecked(host, entry, true);
  await tar?.file.close();
  return tar?.manifest;
}

async function reasonToKeep(days: number | undefined, entry: CacheEntry, all: boolean): Promise<string | undefined> {
  const stats = await statIfThere(entry.tarPath);
  if (stats === undefined) return "gone";
  if (isPinned(stats)) return "not writable by its owner: kept for ever";
  const due = days !== undefined && ageInDays(stats.mtime) + marginDays > days;
  return all || due ? undefined : "fresh";
}

// The bytes are read, too: a cache that is to live on for weeks is worth it.
async function isCurrent(host: Host, workshop: Workshop, entry: CacheEntry, manifest: BuiltManifest): Promise<boolean> {
  const offer = await currentOffer(host, workshop, entry, manifest);
  return offer !== undefined && offersTheSame(offer, manifest) && (await isWhole(host, entry, manifest));
}

/** What the archive offers now; undefined where it cannot be asked: the engine may still be able to use it. */
async function currentOffer(
  host: Host,
  { means }: Workshop,
  entry: CacheEntry,
  { key }: BuiltManifest,
): Promise<Offer | undefined> {
  const archive = await preflight(host, key, means);
  if (!(await canPrefetch(host, key, archive))) return undefined;
  await using stack = new ReleaseStack();
  for (const place of await scratchPlaces(means.scratch, indexBytes, entry.name)) {
    const scratch = await acquireScratch(host, place, indexBytes);
    if (scratch === undefined) continue;
    stack.use(scratch);
    try {
      return await host.log.phase("ask the archive", () =>
        askArchive(host, key, means, archive, join(scratch.directory, "apt")),
      );
    } catch (error) {
      // As a create does: apt refuses an archive that the engine accepts, for example one whose Release has expired.
      if (host.signal.aborted) throw error;
      host.log.warn(`cannot tell whether the archive has newer packages (${messageOf(error)}); building anew`);
      return undefined;
    }
  }
  return undefined;
}

/**
 * Whether a bootstrap now would give the packages of `manifest`: each is still offered in the same version, and
 * nothing that every system of the suite has was added. The same versions have the same dependencies.
 */
export function offersTheSame(
  { packages, base }: Pick<Offer, "packages" | "base">,
  { packages: installed, key }: Pick<BuiltManifest, "packages" | "key">,
): boolean {
  const names = Object.keys(installed);
  const unchanged = names.every((name) => packages.get(name)?.version === installed[name]);
  const complete = [...base, ...key.packages].every((name) => name in installed || !packages.has(name));
  return unchanged && complete;
}

async function isWhole(host: Host, { tarPath }: CacheEntry, manifest: BuiltManifest): Promise<boolean> {
  const file = await openCacheFile(tarPath);
  if (file === undefined) return false;
  try {
    const verdict = await judgeTar(host, tarPath, file, manifest, true);
    return verdict.kind === "whole" && verdict.manifest.sha256 === manifest.sha256;
  } finally {
    await file.close();
  }
}

async function renew({ tarPath, manifestPath }: CacheEntry, manifest: BuiltManifest): Promise<void> {
  const now = new Date();
  await utimes(tarPath, now, now);
  const stamp = stampOf(await stat(tarPath, { bigint: true }));
  await writeManifest(manifestPath, { ...manifest, stamp, checked: now.toISOString() });
}
