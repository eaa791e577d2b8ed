import type { Config } from "../config/config.ts";
import { attachWithSwap, type Disk } from "../devices/disk.ts";
import { makeSwap } from "../filesystems/swap.ts";
import { readPartitionTable } from "../devices/partitions/table.ts";
import { syncFile } from "../devices/blocks/sync.ts";
import { type Owned, ReleaseStack } from "../host/disposal.ts";
import { messageOf } from "../host/errors.ts";
import type { Host } from "../host/host.ts";
import type { RootedFiles } from "../host/rooted-files.ts";
import { MissingToolsError, requireTools } from "../host/tools.ts";
import type { ImportRequest } from "../os-api/request.ts";
import { isDump } from "../stream/format/dump-scanner.ts";
import type { Extent } from "../devices/blocks/extents.ts";
import { markFailedImport } from "../stream/restore/failed-import.ts";
import { type Input, openInput } from "../stream/pipe/input.ts";
import { createMeter } from "../stream/pipe/meter.ts";
import type { Manifest } from "../stream/format/manifest.ts";
import { restoreDump } from "../stream/restore/restore-dump.ts";
import { planRestore, type RestorePlan } from "../stream/restore/restore-plan.ts";
import { requireRawFits, restoreRaw } from "../stream/restore/restore-raw.ts";
import { restoreSwap } from "../stream/restore-swap.ts";
import { restoreTree } from "../stream/restore/restore-tree.ts";
import { readSwapIdentity, rewriteDevices } from "../guest/storage/rewrite-references.ts";
import { beginReading, type StreamReader } from "../stream/format/stream-reader.ts";
import { toolsForCreate, toolsForRestore } from "./disk-tools.ts";
import { say } from "./summary.ts";

/** Where the backup comes from; default stdin. */
export interface ImportInput {
  readonly descriptor: number;
}

/**
 * Restores a disk from the backup on stdin: a stream of version 1 (docs/export-format.md), plain or compressed, or one
 * of dump(8). What can be refused is refused before the disk is touched; after that, a failure leaves a disk that holds
 * no filesystem, no table and no boot signature, and says so (see markFailedImport).
 */
export async function importDisk(
  host: Host,
  request: ImportRequest,
  config: Config,
  input: ImportInput = { descriptor: 0 },
): Promise<void> {
  await using target = await attachTarget(host, request);
  await using stream = await leavingNothing(host, target.disk, [], () => openInput(host, input.descriptor));
  const restoration = { host, request, config, target };
  const summary = isDump(stream.head)
    ? await importDump(restoration, stream)
    : await importStream(
        restoration,
        await leavingNothing(host, target.disk, [], () =>
          beginReading(stream.chunks, createMeter(host.log, "imported")),
        ),
      );
  say(host.log, `imported disk ${String(request.diskIndex)} of ${request.instance.name}`, [
    summary,
    `to ${request.disk}`,
  ]);
}

/** What import works with. */
interface Restoration {
  readonly host: Host;
  readonly request: ImportRequest;
  readonly config: Config;
  readonly target: Target;
}

interface Target {
  readonly disk: Disk;
  readonly swap: Disk | undefined;
}

async function attachTarget(host: Host, request: ImportRequest): Promise<Target & Owned> {
  await using releases = new ReleaseStack();
  const [disk, swap] = await attachWithSwap(host, request.disk, request.swapDevice);
  for (const owned of [disk, swap]) if (owned !== undefined) releases.use(owned);
  const held = releases.move();
  return { disk, swap, [Symbol.asyncDispose]: () => held[Symbol.asyncDispose]() };
}

async function importStream(restoration: Restoration, reader: StreamReader): Promise<string> {
  const { host, target } = restoration;
  const { manifest } = reader;
  requireTools(host, toolsForRestore(manifest, restoration.request));
  reportDifferences(restoration, manifest);
  switch (manifest.disk.role) {
    case "swap":
      await leavingNothing(host, target.disk, [], () => restoreSwap(host, target.disk, reader));
      return "swap space";
    case "raw":
      requireRawFits(host, target.disk, manifest.disk.bytes);
      await leavingNothing(host, target.disk, [], () =>
        host.log.phase("restore raw blocks", () => restoreRaw(host, target.disk, reader)),
      );
      return `raw blocks, because ${manifest.raw?.reason ?? ""}`;
    case "root":
    case "data":
      await importTree(restoration, reader);
      return `${manifest.filesystem?.type ?? ""} of ${manifest.instance}, exported ${dateOf(manifest.created)}`;
  }
}

async function importTree({ host, config, target }: Restoration, reader: StreamReader): Promise<void> {
  const plan = planRestore(target.disk, reader.manifest, config.importNewUuids);
  await leavingNothing(host, target.disk, extentsOf(plan), async () => {
    await restoreTree(host, target.disk, reader, plan, config.importNewUuids, async (guest) => {
      const swap = await makeRequestedSwap(host, target, guest);
      if (swap !== undefined) await rewriteDevices(host, guest, { swap });
    });
    await syncFile(target.disk.device);
  });
}

async function importDump({ host, request, config, target }: Restoration, stream: Input): Promise<string> {
  requireTools(host, [{ command: "restore", package: "dump" }, ...toolsForCreate(config, request)]);
  await leavingNothing(host, target.disk, [], async () => {
    await restoreDump(host, target.disk, stream.chunks, config, (guest) => makeRequestedSwap(host, target, guest));
    await syncFile(target.disk.device);
  });
  return `a dump, onto ${config.filesystem} (partition style ${config.partitionStyle})`;
}

// Layout and filesystem are the backup's, and settings are for new guests: whoever set them on purpose is told.
function reportDifferences({ host, request, config }: Restoration, manifest: Manifest): void {
  const { layout, filesystem, disk } = manifest;
  const isChosen = (setting: string): boolean => (config.origins[setting]?.kind ?? "default") !== "default";
  if (disk.index !== request.diskIndex) {
    host.log.warn(`the backup is of disk ${String(disk.index)}, and goes to disk ${String(request.diskIndex)}`);
  }
  if (layout !== undefined && layout.style !== config.partitionStyle && isChosen("PARTITION_STYLE")) {
    host.log.warn(`PARTITION_STYLE=${config.partitionStyle} does not apply: the backup's is ${layout.style}`);
  }
  if (filesystem !== undefined && filesystem.type !== config.filesystem && isChosen("OSP_FILESYSTEM")) {
    host.log.warn(`filesystem=${config.filesystem} does not apply: the backup's is ${filesystem.type}`);
  }
}

// With the UUID or label that the guest's fstab has for it: the initramfs' resume still fits then.
async function makeRequestedSwap(
  host: Host,
  { swap }: Target,
  guest: RootedFiles,
): Promise<{ readonly uuid: string } | undefined> {
  if (swap === undefined) return undefined;
  const identity = await readSwapIdentity(host, guest);
  const { uuid } = await makeSwap(host, swap.device, identity);
  return identity.label === undefined ? { uuid } : undefined;
}

// For a backup that is no good. What is refused because of the disk (too small, in use) or the node leaves it alone.
async function leavingNothing<T>(
  host: Host,
  disk: Disk,
  partitions: readonly Extent[],
  work: () => Promise<T>,
): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof MissingToolsError) throw error;
    await spoil(host, disk, partitions, messageOf(error));
    throw error;
  }
}

async function spoil(host: Host, disk: Disk, partitions: readonly Extent[], reason: string): Promise<void> {
  try {
    await markFailedImport(disk.device, disk.sizeBytes, [...partitions, ...(await tableExtents(host, disk))], reason);
    host.log.error("the disk was wiped, because what the import left on it is no guest");
  } catch (error) {
    host.log.error(`the disk could not be wiped and must not be started: ${messageOf(error)}`);
  }
}

function extentsOf({ tree, images }: RestorePlan): readonly Extent[] {
  return [tree, ...images.values()];
}

async function tableExtents(host: Host, disk: Disk): Promise<readonly Extent[]> {
  // After a signal no command runs any more; the plan's own extents are known without.
  if (host.signal.aborted) return [];
  const table = await readPartitionTable(host, disk.device);
  return (table?.partitions ?? []).map(({ startSector, sectors }) => ({
    start: startSector * (table?.sectorSize ?? 512),
    end: (startSector + sectors) * (table?.sectorSize ?? 512),
  }));
}

function dateOf(seconds: number): string {
  return new Date(seconds * 1000).toISOString().slice(0, 16).replace("T", " ");
}
