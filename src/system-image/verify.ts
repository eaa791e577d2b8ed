import { open, rm } from "node:fs/promises";
import { join } from "node:path";
import type { Config } from "../config/config.ts";
import { ReleaseStack } from "../host/disposal.ts";
import { hasCode, messageOf } from "../host/errors.ts";
import type { Host } from "../host/host.ts";
import { type CacheFolder, openCacheFolder, ownerOf } from "./cache/folder.ts";
import { imageSha256, openImage } from "./image/image-file.ts";
import { judgeTar, setAside } from "./cache/checked-tar.ts";
import { findManifest } from "./cache/manifest.ts";
import { lockForWork } from "./build.ts";

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
  const folder = openCacheFolder(config.cacheDir);
  const results: Verified[] = [];
  for (const name of await folder.names()) {
    await using _lock = await lockForWork(host, { folder, name });
    results.push(
      ...(await verifyTar(host, folder, name).catch((error: unknown) => unreadable(host, folder.tar(name), error))),
    );
    for (const file of await folder.files()) {
      if (ownerOf(file) === name && file.endsWith(".img"))
        results.push(await verifyImage(host, join(folder.directory, file)));
    }
  }
  return results;
}

// Left where it is: what the medium of a cache does not give today it may give tomorrow.
function unreadable(host: Host, path: string, error: unknown): readonly Verified[] {
  if (host.signal.aborted) throw error;
  return [{ path, outcome: "damaged", reason: `it cannot be read: ${messageOf(error)}` }];
}

async function verifyTar(host: Host, folder: CacheFolder, name: string): Promise<readonly Verified[]> {
  const path = folder.tar(name);
  const file = await open(path, "r").catch((error: unknown) => {
    if (hasCode(error, "ENOENT")) return undefined;
    throw error;
  });
  if (file === undefined) return [];
  try {
    const verdict = await judgeTar(host, path, file, await findManifest(folder.manifest(name)), true);
    if (verdict.kind === "whole") return [{ path, outcome: verdict.edited ? "edited" : "whole" }];
    await setAside(host, folder, name, verdict.reason);
    return [{ path, outcome: "damaged", reason: verdict.reason }];
  } finally {
    await file.close();
  }
}

async function verifyImage(host: Host, path: string): Promise<Verified> {
  const reason = await damageOf(host, path);
  if (reason === undefined) return { path, outcome: "whole" };
  try {
    await rm(path, { force: true });
  } catch (error) {
    host.log.warn(`${path} cannot be removed: ${messageOf(error)}`);
  }
  return { path, outcome: "damaged", reason };
}

async function damageOf(host: Host, path: string): Promise<string | undefined> {
  try {
    await using stack = new ReleaseStack();
    const file = await open(path, "r");
    stack.defer(() => file.close());
    const image = await openImage(file);
    const sha256 = await host.log.phase(`check ${path}`, () => imageSha256(image));
    return sha256 === image.sha256 ? undefined : "its bytes are not those of its checksum";
  } catch (error) {
    if (host.signal.aborted) throw error;
    return messageOf(error);
  }
}
