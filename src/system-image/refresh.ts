import { open, stat, utimes } from "node:fs/promises";
import { join } from "node:path";
import type { Config } from "../config/config.ts";
import { ReleaseStack } from "../host/disposal.ts";
import { hasCode, messageOf } from "../host/errors.ts";
import type { Host } from "../host/host.ts";
import { type CacheFolder, openCacheFolder } from "./cache/folder.ts";
import { ageInDays, isPinned } from "./cache/expiry.ts";
import { judgeTar, openChecked } from "./cache/checked-tar.ts";
import { daysUnused } from "./cache/last-use.ts";
import { type BuiltManifest, type Manifest, stampOf, writeManifest } from "./cache/manifest.ts";
import { askArchive, canPrefetch, type Offer } from "./archive/prefetch.ts";
import { preflight } from "./archive/archive.ts";
import { lockForWork, rebuild, wantedAgain } from "./build.ts";
import { acquireScratch, scratchPlaces } from "./cache/scratch.ts";
import type { Wanted } from "./cache/wanted-system.ts";

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
  const folder = openCacheFolder(config.cacheDir);
  const results: Refreshed[] = [];
  for (const name of await folder.names()) {
    try {
      results.push(await refreshOne(host, config, name, all));
    } catch (error) {
      if (host.signal.aborted) throw error;
      results.push({ name, outcome: "failed", reason: messageOf(error) });
    }
  }
  return results;
}

async function refreshOne(host: Host, config: Config, name: string, all: boolean): Promise<Refreshed> {
  const folder = openCacheFolder(config.cacheDir);
  const reason = await reasonToKeep(config, folder.tar(name), all);
  if (reason !== undefined) return { name, outcome: reason === "fresh" ? "fresh" : "kept", reason };
  const unused = all ? 0 : await daysUnused(folder, name);
  if (unused > unusedDays)
    return { name, outcome: "kept", reason: `not used for ${String(unused)} days: it may expire` };
  await using _lock = await lockForWork(host, { folder, name });
  const manifest = await currentManifest(host, folder, name);
  if (manifest === undefined) return { name, outcome: "kept", reason: "damaged: the next create makes it anew" };
  if (manifest.kind === "adopted") return { name, outcome: "kept", reason: "an administrator's own" };
  const again = await reasonToKeep(config, folder.tar(name), all);
  if (again !== undefined) return { name, outcome: "fresh", reason: again };
  const wanted = wantedAgain(config, name, manifest.key);
  if (await isCurrent(host, wanted, manifest)) {
    await renew(wanted, manifest);
    host.log.info(`${folder.tar(name)}: the archive has no newer packages`);
    return { name, outcome: "unchanged" };
  }
  await rebuild(host, wanted);
  return { name, outcome: "rebuilt" };
}

// Looked at as a create does: an edit since the manifest was written must not be lost.
async function currentManifest(host: Host, folder: CacheFolder, name: string): Promise<Manifest | undefined> {
  const tar = await openChecked(host, folder, name, true);
  await tar?.file.close();
  return tar?.manifest;
}

async function reasonToKeep(config: Config, tar: string, all: boolean): Promise<string | undefined> {
  try {
    const stats = await stat(tar);
    if (isPinned(stats)) return "not writable by its owner: kept for ever";
    const days = config.cleanCacheDays;
    const due = days !== undefined && ageInDays(stats.mtime) + marginDays > days;
    return all || due ? undefined : "fresh";
  } catch (error) {
    if (hasCode(error, "ENOENT")) return "gone";
    throw error;
  }
}

// The bytes are read, too: a cache that is to live on for weeks is worth it.
async function isCurrent(host: Host, wanted: Wanted, manifest: BuiltManifest): Promise<boolean> {
  const archive = await preflight(host, wanted.config);
  if (!(await canPrefetch(host, wanted, archive))) return false;
  await using stack = new ReleaseStack();
  for (const place of await scratchPlaces(wanted, indexBytes, wanted.name)) {
    const scratch = await acquireScratch(host, place, indexBytes);
    if (scratch === undefined) continue;
    stack.use(scratch);
    const offer = await host.log.phase("ask the archive", () =>
      askArchive(host, wanted, archive, join(scratch.directory, "apt")),
    );
    return offersTheSame(offer, manifest) && (await isWhole(host, wanted, manifest));
  }
  return false;
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

async function isWhole(host: Host, { folder, name }: Wanted, manifest: BuiltManifest): Promise<boolean> {
  const file = await open(folder.tar(name), "r");
  try {
    const verdict = await judgeTar(host, folder.tar(name), file, manifest, true);
    return verdict.kind === "whole" && verdict.manifest.sha256 === manifest.sha256;
  } finally {
    await file.close();
  }
}

async function renew({ folder, name }: Wanted, manifest: BuiltManifest): Promise<void> {
  const now = new Date();
  await utimes(folder.tar(name), now, now);
  const stamp = stampOf(await stat(folder.tar(name), { bigint: true }));
  await writeManifest(folder.manifest(name), { ...manifest, stamp, checked: now.toISOString() });
}
