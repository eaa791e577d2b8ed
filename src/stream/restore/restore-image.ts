import { randomUUID } from "node:crypto";
import { truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { complement, type Extent, totalBytes } from "../../devices/blocks/extents.ts";
import { openDiskWriter } from "../../devices/blocks/disk-writer.ts";
import { syncFile } from "../../devices/blocks/sync.ts";
import { emptyRanges, signatureBytes } from "../../devices/blocks/wipe.ts";
import type { Disk } from "../../devices/disk.ts";
import { shrinkExt } from "../../filesystems/ext/adapt.ts";
import { readableExtents, readExtAllocation } from "../../filesystems/ext/allocation.ts";
import { makeScratch } from "../../filesystems/ext/replayed-journal.ts";
import { mendExtlinux } from "../../guest/boot/extlinux/moved.ts";
import { ReleaseStack } from "../../host/disposal.ts";
import type { Host } from "../../host/host.ts";
import { beginImport } from "../format/import-mark.ts";
import type { Manifest } from "../format/manifest.ts";
import type { FilesystemFacts } from "../../filesystems/families.ts";
import { damaged } from "../format/stream-reader.ts";
import { copyBlocks } from "../image/copy-blocks.ts";
import type { ImageReader } from "../image/image-reader.ts";
import { type BlockTarget, heldBytes, writeHeld } from "../image/place-blocks.ts";
import { receiveBlocks } from "../image/receive-blocks.ts";
import { decodeUsedBlocks, usedBlocksLimit } from "../image/used-blocks.ts";
import { adaptImage } from "./adapt-image.ts";
import type { Identifiers } from "./boot-code.ts";
import { editImage } from "./edit-image.ts";
import { receiveBeforeBlocks } from "./members-before-tree.ts";
import { exportedBytes, type RestorePlan, tooSmall } from "./restore-plan.ts";
import { finishDisk, mapTree } from "./restore-tree.ts";
import type { RestoredGuest } from "./restored-guest.ts";
import { requireScratchSpace } from "./scratch-space.ts";

export interface ImageOptions {
  /** Something will be changed in the guest's files. */
  readonly willEdit: boolean;
  /** Where a filesystem that must shrink is put first; empty: /var/tmp. */
  readonly scratchDir: string;
}

/** What the steps of restoring an image share. */
interface Restoring {
  readonly host: Host;
  readonly disk: Disk;
  readonly plan: RestorePlan;
  readonly reader: ImageReader;
  readonly image: NonNullable<Manifest["image"]>;
  readonly facts: FilesystemFacts;
  /** The filesystem's new UUID; undefined: it keeps its own. */
  readonly newUuid: string | undefined;
  readonly scratchDir: string;
}

/**
 * Restores the blocks of a filesystem and what boots it. The filesystem's superblock is written when all digests have been
 * compared, the partition table and the boot code by `finish`; until then the first sector of the disk says that its import did
 * not finish. On a larger disk the filesystem grows; for a smaller one it
 * shrinks in a file in scratch space first.
 */
export async function restoreImage(
  host: Host,
  disk: Disk,
  reader: ImageReader,
  plan: RestorePlan,
  { willEdit, scratchDir }: ImageOptions,
): Promise<RestoredGuest> {
  const { image, filesystem: facts } = reader.manifest;
  if (image === undefined || facts === undefined) throw new Error("the manifest has no image");
  const newUuid = plan.newIdentifiers ? randomUUID() : undefined;
  const restoring = { host, disk, plan, reader, image, facts, newUuid, scratchDir };
  const fits = roomOf(plan) >= image.bytes;
  if (!fits) await requireScratchSpace(scratchDir, reader.manifest);
  await beginImport(disk);
  await clearHead(restoring);
  const { bootArea } = await receiveBeforeBlocks(host, disk, reader, plan);
  const { held: head, isChanged } = fits ? await restoreInPlace(restoring) : await restoreShrunk(restoring);

  const identifiers = [...plan.identifiers, ...changedUuid(facts, newUuid)];
  await using releases = new ReleaseStack();
  const root = releases.use(await mapTree(host, disk, plan));
  const edited = releases.use(
    await editImage(host, root.device, { type: facts.type, bytes: image.bytes, identifiers, willEdit }),
  );
  const held = releases.move();
  return {
    guest: edited.guest,
    devices: {},
    async finish() {
      await edited[Symbol.asyncDispose]();
      if (plan.table !== undefined && isChanged) await mendExtlinux(host, root.device);
      await held[Symbol.asyncDispose]();
      await finishDisk({ host, disk, plan, identifiers, bootArea });
      if (plan.table === undefined) await finishBootSector(restoring, head, isChanged);
    },
    [Symbol.asyncDispose]: () => held[Symbol.asyncDispose](),
  };
}

// Where the filesystem begins there may be an old one.
async function clearHead({ host, disk, plan }: Restoring): Promise<void> {
  if (plan.tree.start === 0) return;
  await using writer = await openDiskWriter(host, disk.device, plan.tree);
  await writer.zero(0, heldBytes);
}

// Without a table the first sector, which ext leaves to boot loaders, says that the import did not finish: it comes last.
const sector = 512;

function firstWritten({ tree }: RestorePlan): number {
  return tree.start === 0 ? sector : 0;
}

// Growing and shrinking may have moved the blocks of the loader.
async function finishBootSector({ host, disk }: Restoring, head: Buffer, isChanged: boolean): Promise<void> {
  await using writer = await openDiskWriter(host, disk.device, { start: 0, end: sector });
  await writer.write(0, head.subarray(0, sector));
  if (isChanged) await mendExtlinux(host, disk.device);
  await syncFile(disk.device);
}

interface Placed {
  /** The first bytes of the filesystem. */
  readonly held: Buffer;
  /** Its blocks may have moved. */
  readonly isChanged: boolean;
}

function roomOf({ tree }: RestorePlan): number {
  return tree.end - tree.start;
}

function changedUuid(facts: FilesystemFacts, newUuid: string | undefined): Identifiers {
  return newUuid === undefined ? [] : [[facts.uuid, newUuid]];
}

async function readUsedBlocks({ reader, image }: Restoring): Promise<readonly Extent[]> {
  const content = await reader.content(usedBlocksLimit);
  if (content.length !== image.usedBlocks) throw damaged("its list of used blocks is not as the manifest says");
  return decodeUsedBlocks(content, image.blockSize, image.bytes);
}

async function restoreInPlace(restoring: Restoring): Promise<Placed> {
  const { host, disk, plan, reader, image, facts, newUuid } = restoring;
  const used = await readUsedBlocks(restoring);
  const target: BlockTarget = { device: disk.device, offset: plan.tree.start, isZero: false };
  const cleared = clearOthers(restoring, used);
  cleared.catch(() => undefined); // thrown below
  const held = await host.log
    .phase(`restore ${facts.type} block by block`, () => receiveBlocks(host, target, reader, used))
    .finally(() => Promise.allSettled([cleared]));
  await cleared;
  await writeHeld(target, held, firstWritten(plan));
  await using root = await mapTree(host, disk, plan);
  const grown = roomOf(plan) >= exportedBytes(reader.manifest) + worthGrowing;
  return { held, isChanged: await adaptImage(host, root.device, { ...image, newUuid, grown }) };
}

// A last partition that ended at a round number may get a little more on a disk of its own size.
const worthGrowing = 2 * 1024 * 1024;

// Not the ends, which were wiped: what a device gives back after a discard need not be zeros.
const leastDiscard = 1024 * 1024;
const mostDiscards = 1000;

async function clearOthers({ host, disk, plan }: Restoring, used: readonly Extent[]): Promise<void> {
  const free = complement(used, roomOf(plan) - signatureBytes).filter(({ start, end }) => end - start >= leastDiscard);
  const largest = [...free].sort((a, b) => b.end - b.start - (a.end - a.start)).slice(0, mostDiscards);
  const discarded = largest.map(({ start, end }) => [plan.tree.start + start, end - start] as const);
  await emptyRanges(host, disk.device, { zeros: [], discarded });
}

async function restoreShrunk(restoring: Restoring): Promise<Placed> {
  const { host, disk, plan, reader, image, facts, newUuid, scratchDir } = restoring;
  const used = await readUsedBlocks(restoring);
  await using scratch = await makeScratch(host, scratchDir === "" ? undefined : scratchDir);
  const file = join(scratch.path, "filesystem");
  await writeFile(file, "", { mode: 0o600 });
  await truncate(file, image.bytes);
  const inFile: BlockTarget = { device: file, offset: 0, isZero: true };
  const first = await host.log.phase(`receive ${facts.type} in scratch space`, () =>
    receiveBlocks(host, inFile, reader, used),
  );
  await writeHeld(inFile, first);
  await adaptImage(host, file, { ...image, newUuid, grown: false, checked: true });
  await host.log.phase("shrink it", () => shrink(restoring, file));
  const allocation = await readExtAllocation(host, file);
  const bytes = allocation.bytes;
  const onDisk: BlockTarget = { device: disk.device, offset: plan.tree.start, isZero: false };
  const blocks = {
    bytes,
    used: complement(allocation.free, bytes),
    readable: readableExtents(allocation, bytes),
  };
  const held = await host.log.phase(`write ${String(Math.ceil(totalBytes(blocks.readable) / 1024 ** 2))} MiB`, () =>
    copyBlocks(host, file, onDisk, blocks),
  );
  await writeHeld(onDisk, held, firstWritten(plan));
  return { held, isChanged: true };
}

async function shrink({ host, disk, plan, image }: Restoring, file: string): Promise<void> {
  const room = roomOf(plan) - (roomOf(plan) % image.blockSize);
  const neededBlocks = await shrinkExt(host, file, image.bytes, room);
  if (neededBlocks !== undefined) throw tooSmall(disk, neededBlocks * image.blockSize + disk.sizeBytes - roomOf(plan));
}
