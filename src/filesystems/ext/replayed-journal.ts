import { randomBytes } from "node:crypto";
import { mkdir, realpath, rm } from "node:fs/promises";
import { join } from "node:path";
import type { Owned } from "../../host/disposal.ts";
import type { Host } from "../../host/host.ts";
import { run } from "../../host/process/run.ts";
import { complement, type Extent } from "../../devices/blocks/extents.ts";
import { dumpGroups, freeExtents } from "./dumpe2fs.ts";

// On disk, since the metadata of a large filesystem is too much for memory, and emptied by no reboot halfway.
const scratch = "/var/tmp";

/**
 * Where ext3 or ext4 with an unreplayed journal keeps nothing, neither before nor after its guest replays it: the journal
 * is replayed in a sparse copy of the metadata. Its own bitmaps alone would miss what the journal has yet to allocate.
 */
export async function freeSpaceOfDirtyExt(host: Host, device: string, bytes: number): Promise<readonly Extent[]> {
  const before = freeExtents(await dumpGroups(host, device));
  await using directory = await makeScratch(host);
  const image = join(directory.path, "metadata");
  await run(host, ["e2image", "-r", device, image], { isolated: true });
  await replayJournal(host, image);
  const after = freeExtents(await dumpGroups(host, image));
  return intersection(before, after, bytes);
}

/**
 * Replays the journal of ext3 or ext4 on a device or in a file. Only the journal: e2fsck's repairs would free what the
 * guest's kernel still reads, as the blocks of orphans. Throws CommandError when it cannot be replayed.
 */
export async function replayJournal(host: Host, device: string): Promise<void> {
  await run(host, ["e2fsck", "-y", "-E", "journal_only", device], { accept: [0, 1], isolated: true });
}

function intersection(a: readonly Extent[], b: readonly Extent[], bytes: number): readonly Extent[] {
  return complement([...complement(a, bytes), ...complement(b, bytes)], bytes);
}

/** Makes an empty directory in `parent`; the release removes it with all that is in it. */
export async function makeScratch(host: Host, parent = scratch): Promise<{ readonly path: string } & Owned> {
  // Without links: by a path over a link recovery removes nothing.
  const path = join(await realpath(parent), `ganeti-instance-debootstrap.${randomBytes(8).toString("hex")}`);
  const struckOut = host.journal.record({ kind: "tree", path });
  const remove = async (): Promise<void> => {
    await rm(path, { recursive: true, force: true });
    struckOut();
  };
  try {
    await mkdir(path, { mode: 0o700 });
  } catch (error) {
    struckOut();
    throw error;
  }
  return { path, [Symbol.asyncDispose]: remove };
}
