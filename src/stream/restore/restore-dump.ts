import { mkdtemp, rm, statfs } from "node:fs/promises";
import { basename, join } from "node:path";
import type { Config } from "../../config/config.ts";
import type { Disk } from "../../devices/disk.ts";
import { familyOf } from "../../filesystems/families.ts";
import { makeFilesystem } from "../../filesystems/make.ts";
import { layOutDisk } from "../../devices/lay-out.ts";
import { readBlocks, writeBlocks } from "../../devices/blocks/raw-blocks.ts";
import { syncFile } from "../../devices/blocks/sync.ts";
import { confinedRoot, startConfined, type Target } from "../../host/process/confined.ts";
import { ReleaseStack } from "../../host/disposal.ts";
import type { Host } from "../../host/host.ts";
import { openRoot } from "../../host/files/rooted-files.ts";
import { coalescing, isBrokenPipe, streamSink } from "../pipe/byte-sink.ts";
import { applyInodeFlags, liftForbiddingFlags } from "../tree/inode-flags.ts";
import { createDumpScanner } from "../format/dump-scanner.ts";
import { beginImport, markUnfinishedImport } from "../format/import-mark.ts";
import { mountRestored } from "./mount-restored.ts";
import { bareId } from "./restore-plan.ts";
import type { RestoredGuest } from "./restored-guest.ts";
import { unfinishedLabel } from "../format/unfinished.ts";
import { removeNetworkRules } from "../../guest/storage/rewrite-references.ts";

/**
 * Restores a stream of dump(8), as the original's export wrote it, onto a disk laid out by the settings. The files are on
 * it and the stream was whole when this returns. The guest still names its old disks.
 */
export async function restoreDump(
  host: Host,
  disk: Disk,
  chunks: AsyncIterable<Buffer>,
  config: Config,
): Promise<RestoredGuest> {
  await using releases = new ReleaseStack();
  await beginImport(disk);
  const root = releases.use(await layOutDisk(host, disk, { ...config, partitionMapper: "loop" }));
  const table = root.table === undefined ? undefined : await holdBackTable(disk);
  const { filesystem: type, suite } = config;
  const { uuid } = await makeFilesystem(host, root.device, { type, suite, label: unfinishedLabel });
  const mounted = releases.use(await mountRestored(host, root.device, type));
  await host.log.phase("restore the dump", () => runRestore(host, mounted.tree, chunks, config.stallTimeout));
  const guest = openRoot(mounted.tree.path, host);
  await removeNetworkRules(host, guest);
  const held = releases.move();
  return {
    guest,
    devices: { root: { uuid, type }, tableId: root.table === undefined ? undefined : bareId(root.table.id) },
    async finish() {
      // restore(8) has set them already.
      const flags = await liftForbiddingFlags(host, mounted.tree);
      await mounted.tree.reveal();
      await applyInodeFlags(host, mounted, flags);
      await mounted[Symbol.asyncDispose]();
      await table?.writeBack();
      await syncFile(root.device);
      await familyOf(type).setLabel(host, root.device, "");
      await held[Symbol.asyncDispose]();
      await syncFile(disk.device);
    },
    [Symbol.asyncDispose]: () => held[Symbol.asyncDispose](),
  };
}

// Without its first sector a table is none: the disk's says that the import did not finish, until it did.
async function holdBackTable({ device }: Disk): Promise<{ writeBack(): Promise<void> }> {
  const sector = await readBlocks(device, 0, 512);
  await markUnfinishedImport(device);
  return { writeBack: () => writeBlocks(device, 0, sector) };
}

async function runRestore(
  host: Host,
  target: Target,
  chunks: AsyncIterable<Buffer>,
  stallTimeout: number,
): Promise<void> {
  // restore keeps lists of its own while it runs. Nothing but the target can be written where it does, and no name
  // in a stream can be this one.
  const lists = await mkdtemp(join(target.path, ".restore-"));
  const command = ["restore", "-r", "-y", "-f", "-", "-T", join(confinedRoot, basename(lists))] as const;
  const inTree = ["sh", "-c", 'cd root && exec "$@"', "restore", ...command] as const;
  // While the backup does not come, restore has nothing to do.
  let waiting = true;
  let taken = 0;
  const progress = async (): Promise<string> =>
    waiting ? String(performance.now()) : `${String(taken)} ${await filling(target)}`;
  const restore = startConfined(host, target, [...inTree], {
    stdin: "pipe",
    stall: { what: "restore", seconds: stallTimeout, progress },
  });
  restore.done.catch(() => undefined);
  try {
    if (restore.stdin !== undefined) {
      const sink = coalescing(streamSink(restore.stdin, host.signal));
      const scanner = createDumpScanner();
      for await (const chunk of chunks) {
        scanner.push(chunk);
        waiting = false;
        await passUntilClosed(sink.write(chunk));
        waiting = true;
        taken++;
      }
      waiting = false;
      scanner.finish();
      await passUntilClosed(sink.end());
    }
    await restore.done;
  } catch (error) {
    restore.kill();
    await restore.done.catch(() => undefined);
    throw error;
  }
  await rm(lists, { recursive: true, force: true });
  await rm(join(target.path, "restoresymtable"), { force: true });
}

// What restore has made of the stream so far: when it takes nothing of it any more and nothing changes on the filesystem,
// it goes round in circles, as some hostile streams make it.
async function filling({ path }: Target): Promise<string> {
  const { bfree, ffree } = await statfs(path);
  return `${String(bfree)} ${String(ffree)}`;
}

// restore stops reading at the first end record; what follows it, the scanner still sees.
async function passUntilClosed(write: Promise<void>): Promise<void> {
  try {
    await write;
  } catch (error) {
    if (!isBrokenPipe(error)) throw error;
  }
}
