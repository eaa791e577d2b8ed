import { stat } from "node:fs/promises";
import { hasCode } from "../../host/errors.ts";
import type { Host } from "../../host/host.ts";
import { chosenSettings, keyHash, plainName, sameKey } from "./system-key.ts";
import { isExpired, isPinnedTar } from "./expiry.ts";
import { type CheckedTar, openChecked } from "./checked-tar.ts";
import type { Wanted } from "./wanted-system.ts";

/**
 * The cached system that serves `wanted`, opened; undefined when it must be bootstrapped. A plain tar that we did not
 * write is the administrator's own and serves every configuration of its suite and architecture. `locked` says that
 * the caller holds the lock of `wanted.name`.
 */
export async function findCached(host: Host, wanted: Wanted, locked: boolean): Promise<CheckedTar | undefined> {
  const plain = plainName(wanted.key);
  for (const name of new Set([plain, wanted.name])) {
    if (await isStale(wanted, name)) continue;
    const tar = await openChecked(host, wanted.folder, name, locked && name === wanted.name);
    if (tar === undefined) continue;
    if (serves(tar, wanted)) {
      warnOfForeign(host, wanted, tar);
      return tar;
    }
    await tar.file.close();
  }
  return undefined;
}

/**
 * `wanted` as it is to be made where {@link findCached} has nothing: under its own name, or, where an administrator
 * pinned a system made for other settings there, under a name with the hash of its key.
 */
export async function besidePinned(host: Host, wanted: Wanted): Promise<Wanted> {
  const { folder, key, config } = wanted;
  const name = `${plainName(key)}-${keyHash(key)}`;
  if (name === wanted.name || !(await isPinnedTar(folder.tar(wanted.name)))) return wanted;
  const pinned = await openChecked(host, folder, wanted.name, false);
  await pinned?.file.close();
  // A damaged one was set aside; one that serves was put there in this moment.
  if (pinned === undefined || serves(pinned, wanted)) return wanted;
  if (config.generateCache && !(await folder.names()).includes(name)) {
    host.log.warn(
      `the cache ${folder.tar(wanted.name)} was made for other settings and is kept, as its owner may not write it: ` +
        `what is wanted now is cached as ${folder.tar(name)}; chmod u+w lets the next create replace the old one`,
    );
  }
  return { ...wanted, name };
}

function serves({ manifest }: CheckedTar, wanted: Wanted): boolean {
  return manifest.kind === "adopted" || sameKey(manifest.key, wanted.key);
}

function warnOfForeign(host: Host, { config, needs, folder }: Wanted, { name, manifest }: CheckedTar): void {
  if (manifest.kind !== "adopted") return;
  const settings = chosenSettings(config, needs);
  const doubt = settings.length === 0 ? "" : `; whether it fits ${settings.join(", ")} is not known`;
  const message = `the cache ${folder.tar(name)} is an administrator's own${doubt}`;
  if (settings.length === 0) host.log.info(message);
  else host.log.warn(message);
}

async function isStale({ config, folder }: Wanted, name: string): Promise<boolean> {
  try {
    return isExpired(await stat(folder.tar(name)), config.cleanCacheDays);
  } catch (error) {
    if (hasCode(error, "ENOENT", "ENOTDIR")) return true;
    throw error;
  }
}
