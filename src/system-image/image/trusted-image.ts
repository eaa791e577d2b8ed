import type { BigIntStats } from "node:fs";
import { type FileHandle, rm } from "node:fs/promises";
import type { Owned } from "../../host/disposal.ts";
import { KnownError, messageOf } from "../../host/errors.ts";
import type { Host } from "../../host/host.ts";
import { openCacheFile } from "../cache/cache-file.ts";
import type { CheckedTar } from "../cache/checked-tar.ts";
import { type Manifest, sameStamp, stampOf, writeManifest } from "../cache/manifest.ts";
import { imageSha256, openImage, type OpenImage } from "./image-file.ts";

/**
 * Opens the image of `tar` for `variant` when it is whole: without reading it as long as it is as `manifest` says, else
 * after a full read, which `remember` (whether the cache may be written) lets the manifest know. A damaged one is
 * removed. Returns undefined when there is no usable image.
 */
export async function openTrusted(
  host: Host,
  tar: CheckedTar,
  variant: string,
  { manifest = tar.manifest, remember }: { readonly manifest?: Manifest; readonly remember: boolean },
): Promise<(OpenImage & Owned) | undefined> {
  const path = tar.entry.imagePath(variant);
  const file = await openCacheFile(path);
  if (file === undefined) return undefined;
  try {
    const image = await openImage(file);
    if (image.header.tar !== tar.manifest.sha256) throw new KnownError("it was made from another tar");
    if (!sameStamp(manifest.images?.[variant], stampOf(await file.stat({ bigint: true })))) {
      await checkFully(host, path, image);
      if (remember) await rememberChecked(host, tar, variant, file);
    }
    return { ...image, [Symbol.asyncDispose]: () => file.close() };
  } catch (error) {
    await file.close();
    if (host.signal.aborted || !(error instanceof KnownError)) throw error;
    host.log.warn(`the image ${path} is damaged (${error.message}): removed, to be made anew`);
    await rm(path, { force: true });
    return undefined;
  }
}

/**
 * Notes in the manifest that the image is whole as `stats` shows it, and returns the manifest. The caller holds the
 * system's lock.
 */
export async function rememberImage(tar: CheckedTar, variant: string, stats: BigIntStats): Promise<Manifest> {
  // Read again: another process may have made another image since the tar was opened.
  const found = await tar.entry.manifest();
  const manifest = found === undefined || found === "unreadable" ? tar.manifest : found;
  // A tar replaced meanwhile has its own manifest; the image of the old one is dropped by whoever replaced it.
  if (manifest.sha256 !== tar.manifest.sha256) return tar.manifest;
  const updated = { ...manifest, images: { ...manifest.images, [variant]: stampOf(stats) } };
  await writeManifest(tar.entry.manifestPath, updated);
  return updated;
}

async function checkFully(host: Host, path: string, image: OpenImage): Promise<void> {
  const sha256 = await host.log.phase(`check ${path}`, () => imageSha256(image, host.signal));
  if (sha256 !== image.sha256) throw new KnownError("its bytes changed");
}

// So that it is read whole once only. Where that cannot be written, or somebody else is at work, the next create does.
async function rememberChecked(host: Host, tar: CheckedTar, variant: string, file: FileHandle): Promise<void> {
  try {
    await using lock = await tar.entry.tryLock(host);
    if (lock !== undefined) await rememberImage(tar, variant, await file.stat({ bigint: true }));
  } catch (error) {
    if (host.signal.aborted) throw error;
    host.log.debug(`the check of an image cannot be remembered: ${messageOf(error)}`);
  }
}
