import { stat } from "node:fs/promises";
import { hasCode } from "../host/errors.ts";
import type { Host } from "../host/host.ts";
import { chosenSettings, plainName, sameKey } from "./cache-key.ts";
import { isExpired } from "./expiry.ts";
import { type CheckedTar, openChecked } from "./integrity.ts";
import type { Wanted } from "./wanted.ts";

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
