import { readdir } from "node:fs/promises";
import type { Disk } from "../../devices/disk.ts";
import type { Probe } from "../../filesystems/probe.ts";
import { KnownError } from "../../host/errors.ts";
import { readImportMark, unfinishedWords } from "./import-mark.ts";

/** Label of a filesystem whose import did not finish: 12 bytes are the most that xfs takes. */
export const unfinishedLabel = "half-import";

/** Names a directory in which a tree lies until its import is complete. */
export const hiddenTreeName = /^\.half-import-[0-9a-f]{16}$/;

/** Throws KnownError when the disk says that an import left no guest on it. `task` as `rename`. */
export async function refuseMarkedDisk({ path, device }: Disk, task: string): Promise<void> {
  const words = await readImportMark(device);
  if (words !== undefined) throw noGuest(path, task, words);
}

/** Throws KnownError for a filesystem that says that its import did not finish. */
export function refuseUnfinished(path: string, task: string, probe: Pick<Probe, "label">): void {
  if (probe.label === unfinishedLabel) throw noGuest(path, task, unfinishedWords);
}

/** Throws KnownError for a mounted filesystem in which a tree lies that was not complete. `root`: where it is mounted. */
export async function refuseHiddenTree(path: string, task: string, root: string): Promise<void> {
  const names = await readdir(root);
  if (names.some((name) => hiddenTreeName.test(name))) throw noGuest(path, task, unfinishedWords);
}

function noGuest(path: string, task: string, words: string): KnownError {
  return new KnownError(`there is no guest on ${path} to ${task}, because ${words}`, {
    hint: "import the instance again (gnt-backup import), or reinstall it",
  });
}
