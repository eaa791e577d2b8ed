import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import type { Config } from "../../config/config.ts";
import { hasCode } from "../../host/errors.ts";
import type { Host } from "../../host/host.ts";
import { isAlive, ownIdentity } from "../../host/process-identity.ts";
import { type CacheFolder, lockSystem, ownerOf } from "./folder.ts";
import { removeTree, type ScratchTrees, scratchTrees } from "./scratch.ts";

/**
 * Removes half-written files and scratch trees of dead runs. They are known by their names and by a lock that nobody
 * holds, not by the journal in /run, which a reboot empties.
 */
export async function removeLeftovers(host: Host, config: Config, folder: CacheFolder): Promise<void> {
  const partials = (await folder.files()).filter((file) => file.endsWith(".partial"));
  for (const name of new Set(partials.map(ownerOf))) {
    if (name === undefined) continue;
    await using lock = await lockSystem(host, folder, name, "try");
    if (lock === undefined) continue;
    for (const file of await folder.files()) {
      if (file.endsWith(".partial") && ownerOf(file) === name) await rm(join(folder.directory, file), { force: true });
    }
  }
  await removeScratch(host, folder, scratchTrees({ config, folder }));
}

/** Name of the scratch tree of a run that holds no lock: known by who we are. */
export function uncachedName(): string {
  const { pid, startTime } = ownIdentity();
  return `uncached-${String(pid)}-${startTime}`;
}

async function removeScratch(host: Host, folder: CacheFolder, { parent, prefix }: ScratchTrees): Promise<void> {
  for (const entry of await listDirectory(parent)) {
    if (!entry.startsWith(prefix)) continue;
    const name = entry.slice(prefix.length);
    const tree = join(parent, entry);
    const uncached = /^uncached-(\d+)-(\d+)$/.exec(name);
    if (uncached !== null) {
      const owner = { pid: Number(uncached[1]), startTime: uncached[2] ?? "" };
      if (!isAlive(owner)) await removeTree(host, tree);
      continue;
    }
    await using lock = await lockSystem(host, folder, name, "try");
    if (lock !== undefined) await removeTree(host, tree);
  }
}

async function listDirectory(directory: string): Promise<readonly string[]> {
  try {
    return await readdir(directory);
  } catch (error) {
    if (hasCode(error, "ENOENT")) return [];
    throw error;
  }
}
