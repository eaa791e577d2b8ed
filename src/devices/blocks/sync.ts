import { type FileHandle, open } from "node:fs/promises";
import { KnownError, messageOf } from "../../host/errors.ts";
import type { Host } from "../../host/host.ts";
import { run } from "../../host/process/run.ts";

/** The hint for an administrator about data that did not reach a disk. */
export const writeErrorHint =
  "data that was reported as written is lost: check the kernel log, and the free space where the disk is stored";

/**
 * Writes everything buffered for a device or file to its medium (fsync(2)). Throws KnownError when any of it could not
 * be written: a file disk on a full filesystem loses data long after write(2) said it was fine. With `file`, a
 * descriptor of it that was open all the time, errors that others have already seen are reported, too.
 */
export async function syncFile(path: string, file?: FileHandle): Promise<void> {
  const opened = file ?? (await open(path, "r"));
  try {
    await opened.sync();
  } catch (error) {
    throw new KnownError(`cannot write to ${path}: ${messageOf(error)}`, { hint: writeErrorHint, cause: error });
  } finally {
    if (file === undefined) await opened.close();
  }
}

/**
 * Writes everything buffered for the filesystem mounted at `path` (syncfs(2), which reports errors since Linux 5.8).
 * One that is mounted with `nobarrier` does not flush its device: only {@link syncFile} reports the data lost by that.
 */
export async function syncFilesystem(host: Host, path: string): Promise<void> {
  try {
    await run(host, ["sync", "--file-system", path], { shielded: true });
  } catch (error) {
    throw new KnownError(`cannot write everything to the filesystem at ${path}: ${messageOf(error)}`, {
      hint: writeErrorHint,
      cause: error,
    });
  }
}
