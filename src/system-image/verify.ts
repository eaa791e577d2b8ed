import type { Config } from "../config/config.ts";
import { ReleaseStack } from "../host/disposal.ts";
import { messageOf } from "../host/errors.ts";
import type { Host } from "../host/host.ts";
import { openCache } from "./cache/cache.ts";
import { openCacheFile } from "./cache/cache-file.ts";
import type { CacheEntry } from "./cache/folder.ts";
import { judgeTar } from "./cache/judge-tar.ts";
import { removeImage, setAside } from "./cache/set-aside.ts";
import { imageSha256, openImage } from "./image/image-file.ts";

/** What a full read of one file found. */
export interface Verified {
  readonly path: string;
  readonly outcome: "whole" | "edited" | "damaged";
  readonly reason?: string;
}

/**
 * Reads every cached tar and image whole and compares it with its checksum. A damaged tar is set aside and a damaged
 * image removed, so that the next create makes them anew; one that cannot be read does not stop the others.
 */
export async function verifyCaches(host: Host, config: Config): Promise<readonly Verified[]> {
  const results: Verified[] = [];
  for (const entry of await (await openCache(config)).folder.entries()) {
    await using _lock = await entry.lock(host);
    const tar = await verifyTar(host, entry).catch((error: unknown) => unreadable(host, entry.tarPath, error));
    results.push(...tar);
    for (const path of await entry.images()) results.push(await verifyImage(host, path));
  }
  return results;
}

// Left where it is: what the medium of a cache does not give today it may give tomorrow.
function unreadable(host: Host, path: string, error: unknown): readonly Verified[] {
  if (host.signal.aborted) throw error;
  return [{ path, outcome: "damaged", reason: `it cannot be read: ${messageOf(error)}` }];
}

async function verifyTar(host: Host, entry: CacheEntry): Promise<readonly Verified[]> {
  const path = entry.tarPath;
  const file = await openCacheFile(path);
  if (file === undefined) return [];
  try {
    const verdict = await judgeTar(host, path, file, await entry.manifest(), true);
    if (verdict.kind === "whole") return [{ path, outcome: verdict.edited ? "edited" : "whole" }];
    await setAside(host, entry, verdict.reason);
    return [{ path, outcome: "damaged", reason: verdict.reason }];
  } finally {
    await file.close();
  }
}

async function verifyImage(host: Host, path: string): Promise<Verified> {
  const reason = await damageOf(host, path);
  if (reason === undefined) return { path, outcome: "whole" };
  await removeImage(host, path);
  return { path, outcome: "damaged", reason };
}

async function damageOf(host: Host, path: string): Promise<string | undefined> {
  try {
    await using stack = new ReleaseStack();
    const file = await openCacheFile(path);
    if (file === undefined) return "it is gone";
    stack.defer(() => file.close());
    const image = await openImage(file);
    const sha256 = await host.log.phase(`check ${path}`, () => imageSha256(image, host.signal));
    return sha256 === image.sha256 ? undefined : "its bytes are not those of its checksum";
  } catch (error) {
    if (host.signal.aborted) throw error;
    return messageOf(error);
  }
}
