import type { FileHandle } from "node:fs/promises";
import { messageOf } from "../../host/errors.ts";
import type { Host } from "../../host/host.ts";
import { sha256Of } from "../../host/files/sha256.ts";
import { DamagedTar, surveyTar } from "../tree/tar.ts";
import { type FileStamp, type FoundManifest, type Manifest, sameNominal, sameStamp, stampOf } from "./manifest.ts";

/** The result of looking at a tar. `damaged` says why it must not be used. */
export type Verdict =
  | { readonly kind: "whole"; readonly manifest: Manifest; readonly changed: boolean; readonly edited: boolean }
  | { readonly kind: "damaged"; readonly reason: string };

/**
 * Judges an open tar against its manifest; `full` reads it whole even when it looks untouched. One whose manifest is
 * there and cannot be read is not an administrator's own, which serves every configuration: it may be ours.
 */
export async function judgeTar(
  host: Host,
  path: string,
  file: FileHandle,
  manifest: FoundManifest,
  full = false,
): Promise<Verdict> {
  if (manifest === "unreadable") {
    return { kind: "damaged", reason: "its manifest cannot be read, so that what it was made for is not known" };
  }
  const stamp = stampOf(await file.stat({ bigint: true }));
  if (manifest !== undefined && !full && sameStamp(manifest.stamp, stamp)) {
    return { kind: "whole", manifest, changed: false, edited: false };
  }
  const sha256 = await host.log.phase(`check ${path}`, () => sha256Of(file, host.signal));
  if (manifest?.sha256 === sha256) {
    return { kind: "whole", manifest: { ...manifest, stamp }, changed: true, edited: false };
  }
  if (manifest?.stamp !== undefined && sameNominal(manifest.stamp, stamp)) {
    return { kind: "damaged", reason: "its bytes changed although its size, time and inode did not" };
  }
  return await judgeForeign(host, path, { sha256, stamp }, manifest !== undefined);
}

async function judgeForeign(
  host: Host,
  path: string,
  found: { readonly sha256: string; readonly stamp: FileStamp },
  edited: boolean,
): Promise<Verdict> {
  try {
    const tree = await surveyTar(host, path);
    return { kind: "whole", manifest: { kind: "adopted", version: 1, ...found, tree }, changed: true, edited };
  } catch (error) {
    if (error instanceof DamagedTar) return { kind: "damaged", reason: messageOf(error) };
    throw error;
  }
}
