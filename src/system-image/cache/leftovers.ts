import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { hasCode } from "../../host/errors.ts";
import type { Host } from "../../host/host.ts";
import { isAlive, ownIdentity } from "../../host/process/identity.ts";
import { type CacheFolder, ownerOf } from "./folder.ts";
import { removeTree, type ScratchSpace } from "./scratch.ts";

/**
 * Removes half-written files and scratch trees of dead runs. They are known by their names and by a lock that nobody
 * holds, not by the journal in /run, which a reboot empties.
 */
export async function removeLeftovers(host: Host, folder: CacheFolder, scratch: ScratchSpace): Promise<void> {
  const partials = (await folder.files()).filter(isPartial);
  for (const name of new Set(partials.map(ownerOf))) {
    if (name === undefined) continue;
    const entry = folder.entry(name);
    await using lock = await entry.tryLock(host);
    if (lock === undefined) continue;
    for (const path of (await entry.files()).filter(isPartial)) await rm(path, { force: true });
  }
  await removeScratch(host, folder, scratch);
}

/** Name of the scratch tree of a run that holds no lock: known by who we are. */
export function uncachedName(): string {
  const { pid, startTime } = ownIdentity();
  return `uncached-${String(pid)}-${startTime}`;
}

async function removeScratch(host: Host, folder: CacheFolder, { parent, prefix }: ScratchSpace): Promise<void> {
  for (const file of await listDirectory(parent)) {
    if (!file.startsWith(prefix)) continue;
    const name = file.slice(prefix.length);
    const tree = join(parent, file);
    const uncached = /^uncached-(\d+)-(\d+)$/.exec(name);
    if (uncached !== null) {
      const owner = { pid: Number(uncached[1]), startTime: uncached[2] ?? "" };
      if (!isAlive(owner)) await removeTree(host, tree);
      continue;
    }
    await using lock = await folder.entry(name).tryLock(host);
    if (lock !== undefined) await removeTree(host, tree);
  }
}

function isPartial(path: string): boolean {
  return path.endsWith(".partial");
}

async function listDirectory(directory: string): Promise<readonly string[]> {
  try {
    return await readdir(directory);
  } catch (error) {
    if (hasCode(error, "ENOENT")) return [];
    throw error;
  }
}
