import { rm } from "node:fs/promises";
import { join } from "node:path";
import type { Config } from "../config/config.ts";
import type { Host } from "../host/host.ts";
import { pruneDebs } from "./archive/debs-cache.ts";
import { bootstrapMeans } from "./archive/bootstrap-means.ts";
import { openCache } from "./cache/cache.ts";
import { removeExpired } from "./cache/expiry.ts";
import { isCacheTar, ownerOf } from "./cache/folder.ts";
import { removeLeftovers } from "./cache/leftovers.ts";
import { isPinnedTar } from "./cache/pins.ts";

/** What a prune removed: names of systems, of files without a system, and of packages. */
export interface Pruned {
  readonly expired: readonly string[];
  readonly files: readonly string[];
  readonly packages: readonly string[];
}

/**
 * Removes what nobody will use: expired systems, half-written files of dead runs, damaged tars set aside, manifests and
 * images whose tar is gone, and downloaded packages beyond the limit. What another process works on is left to it, and
 * a damaged tar whose owner may not write it to him: it may be the only copy of what was to be kept for ever.
 */
export async function pruneCaches(host: Host, config: Config): Promise<Pruned> {
  const { folder, days } = await openCache(config);
  await removeLeftovers(host, folder, bootstrapMeans(config).scratch);
  const expired = await removeExpired(host, folder, days);
  const names = new Set((await folder.entries()).map(({ name }) => name));
  const files: string[] = [];
  for (const file of await folder.files()) {
    const owner = ownerOf(file.replace(/\.damaged$/, ""));
    const useless = file.endsWith(".damaged") || (!isCacheTar(file) && owner !== undefined && !names.has(owner));
    if (owner === undefined || !useless) continue;
    await using lock = await folder.entry(owner).tryLock(host);
    if (lock === undefined) continue;
    const path = join(folder.directory, file);
    if (file.endsWith(".damaged") && (await isPinnedTar(path))) continue;
    await rm(path, { force: true, recursive: true });
    files.push(file);
  }
  return { expired, files, packages: await pruneDebs(folder.debs, config.debsCacheSizeMiB) };
}
