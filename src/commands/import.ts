import type { Config } from "../config/config.ts";
import { attachDiskSet, type DiskSet } from "../devices/disk-set.ts";
import { makeSwap } from "../filesystems/swap.ts";
import { applyRendering, planAgain, planRendering } from "../guest/network/render-again.ts";
import { readSwapIdentity, rewriteDevices } from "../guest/storage/rewrite-references.ts";
import type { Host } from "../host/host.ts";
import type { RootedFiles } from "../host/files/rooted-files.ts";
import { requireTools } from "../host/process/tools.ts";
import { toolsFor } from "../host/process/tools-table.ts";
import type { ImportRequest } from "../os-api/request.ts";
import { isDump } from "../stream/format/dump-scanner.ts";
import type { Manifest } from "../stream/format/manifest.ts";
import type { StreamReader } from "../stream/format/stream-reader.ts";
import { beginReading } from "../stream/image/begin-reading.ts";
import type { ImageReader } from "../stream/image/image-reader.ts";
import { awaitSource, type Input, openInput, type Source } from "../stream/pipe/input.ts";
import { createMeter } from "../stream/pipe/meter.ts";
import { restoreImage } from "../stream/restore/restore-image.ts";
import { restoreDump } from "../stream/restore/restore-dump.ts";
import type { RestoredGuest } from "../stream/restore/restored-guest.ts";
import { planRestore } from "../stream/restore/restore-plan.ts";
import { requireRawFits, restoreRaw, restoreSwap } from "../stream/restore/restore-raw.ts";
import { restoreTree } from "../stream/restore/restore-tree.ts";
import { type SpoiledDisk, spoilUnlessKept } from "../stream/restore/spoil.ts";
import { toolsForCreate, toolsForRestore } from "./disk-tools.ts";
import { say } from "./summary.ts";

/** Where the backup comes from; default stdin. */
export interface ImportInput {
  readonly descriptor: number;
}

/**
 * Restores a disk from the backup on stdin: a stream of version 1 (docs/export-format.md), plain or compressed, or one
 * of dump(8). Whatever can be checked is checked before the disk is touched. A later failure leaves a disk without a
 * filesystem, a table and a boot signature, and reports that (see markFailedImport).
 */
export async function importDisk(
  host: Host,
  request: ImportRequest,
  config: Config,
  input: ImportInput = { descriptor: 0 },
): Promise<void> {
  // What comes after depends on the backup: its tools are checked when it is known, the disk still untouched.
  requireTools(host, toolsFor("always", "attach"));
  await using disks = await attachDiskSet(host, { root: request.disk, swap: request.swapDevice });
  await using source = await awaitSource(host, input.descriptor);
  await using spoiled = spoilUnlessKept(host, disks.root);
  try {
    const summary = await restore({ host, request, config, disks, spoiled }, source);
    spoiled.keep();
    say(host.log, `imported disk ${String(request.diskIndex)} of ${request.instance.name}`, [
      summary,
      `to ${request.disk}`,
    ]);
  } catch (error) {
    spoiled.because(error);
    throw error;
  }
}

/** Everything that import works with. */
interface Restoration {
  readonly host: Host;
  readonly request: ImportRequest;
  readonly config: Config;
  readonly disks: DiskSet;
  readonly spoiled: SpoiledDisk;
}

async function restore(restoration: Restoration, source: Source): Promise<string> {
  const { host } = restoration;
  await using stream = await openInput(host, source);
  if (isDump(stream.head)) return await importDump(restoration, stream);
  const reader = await beginReading(stream.chunks, createMeter(host.log, "imported"));
  requireTools(host, toolsForRestore(reader.manifest, restoration.request));
  reportDifferences(restoration, reader.manifest);
  if (reader.kind === "image") return await importImage(restoration, reader);
  switch (reader.manifest.disk.role) {
    case "swap":
      await restoreSwap(host, restoration.disks.root, reader);
      return "swap space";
    case "raw":
      return await importRaw(restoration, reader);
    case "root":
    case "data":
      return await importTree(restoration, reader);
  }
}

async function importRaw({ host, disks }: Restoration, reader: StreamReader): Promise<string> {
  const { disk, raw } = reader.manifest;
  requireRawFits(host, disks.root, disk.bytes);
  await host.log.phase("restore raw blocks", () => restoreRaw(host, disks.root, reader));
  return `raw blocks, because ${raw?.reason ?? ""}`;
}

async function importTree(restoration: Restoration, reader: StreamReader): Promise<string> {
  const { host, config, disks, spoiled } = restoration;
  const { filesystem, instance, created } = reader.manifest;
  const plan = planRestore(disks.root, reader.manifest, config.importNewUuids);
  spoiled.includes([plan.tree, ...plan.images.values()]);
  await using restored = await restoreTree(host, disks.root, reader, plan);
  await complete(restoration, restored);
  return `${filesystem?.type ?? ""} of ${instance}, exported ${dateOf(created)}`;
}

async function importImage(restoration: Restoration, reader: ImageReader): Promise<string> {
  const { host, config, disks, spoiled } = restoration;
  const { filesystem, instance, created } = reader.manifest;
  const plan = planRestore(disks.root, reader.manifest, config.importNewUuids);
  spoiled.includes([plan.tree, ...plan.images.values()]);
  const willEdit = disks.swap !== undefined;
  await using restored = await restoreImage(host, disks.root, reader, plan, {
    willEdit,
    scratchDir: config.scratchDir,
  });
  await complete(restoration, restored);
  return `${filesystem?.type ?? ""} of ${instance}, block by block, exported ${dateOf(created)}`;
}

async function importDump(restoration: Restoration, stream: Input): Promise<string> {
  const { host, request, config, disks } = restoration;
  requireTools(host, [...toolsForCreate(config, request), ...toolsFor("dump")]);
  await using restored = await restoreDump(host, disks.root, stream.chunks, config);
  await complete(restoration, restored);
  return `a dump, onto ${config.filesystem} (partition style ${config.partitionStyle})`;
}

// The guest's references to devices that have changed are rewritten while the guest is still mounted.
async function complete(restoration: Restoration, restored: RestoredGuest): Promise<void> {
  const { host, disks } = restoration;
  const { guest } = restored;
  if (guest !== undefined) {
    const swap = await makeRequestedSwap(host, disks, guest);
    const devices = { ...restored.devices, ...(swap === undefined ? {} : { swap }) };
    if (Object.keys(devices).length > 0) await rewriteDevices(host, guest, devices);
    await renderNetwork(restoration, guest);
  }
  await restored.finish();
}

// A copy has other interfaces than the guest it is of: files of the network that nobody edited follow them.
async function renderNetwork({ host, request, config }: Restoration, guest: RootedFiles): Promise<void> {
  const { plan, left } = await planAgain(host, config, request.instance);
  const rendering = await planRendering(guest, plan);
  await guest.editAll(rendering.edits);
  await applyRendering(guest, rendering);
  for (const sentence of [...left, ...rendering.left]) host.log.warn(`left to the administrator: ${sentence}`);
}

// Layout and filesystem come from the backup, because these settings are for new guests. A warning tells an
// administrator who set them on purpose.
function reportDifferences({ host, request, config }: Restoration, manifest: Manifest): void {
  const { layout, filesystem, disk } = manifest;
  const isChosen = (setting: string): boolean => (config.origins[setting]?.kind ?? "default") !== "default";
  if (disk.index !== request.diskIndex) {
    host.log.warn(
      `the backup is of disk ${String(disk.index)}, but it is restored to disk ${String(request.diskIndex)}`,
    );
  }
  if (layout !== undefined && layout.style !== config.partitionStyle && isChosen("PARTITION_STYLE")) {
    host.log.warn(`PARTITION_STYLE=${config.partitionStyle} does not apply: the backup has ${layout.style}`);
  }
  if (filesystem !== undefined && filesystem.type !== config.filesystem && isChosen("OSP_FILESYSTEM")) {
    host.log.warn(`filesystem=${config.filesystem} does not apply: the backup has ${filesystem.type}`);
  }
}

// The swap gets the UUID or label that the guest's fstab has for it, so that the initramfs can still resume from it.
async function makeRequestedSwap(
  host: Host,
  { swap }: DiskSet,
  guest: RootedFiles,
): Promise<{ readonly uuid: string } | undefined> {
  if (swap === undefined) return undefined;
  const identity = await readSwapIdentity(host, guest);
  const { uuid } = await makeSwap(host, swap.device, identity);
  return identity.label === undefined ? { uuid } : undefined;
}

function dateOf(seconds: number): string {
  return new Date(seconds * 1000).toISOString().slice(0, 16).replace("T", " ");
}
