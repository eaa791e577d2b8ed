import { randomUUID } from "node:crypto";
import type { Disk } from "../../devices/disk.ts";
import { mountFilesystem } from "../../devices/attach/mount.ts";
import { mapPartition } from "../../devices/partitions/map.ts";
import { restorePartitionTable } from "../../devices/partitions/table.ts";
import { wipeSignatures } from "../../devices/blocks/wipe.ts";
import type { Owned } from "../../host/disposal.ts";
import type { Host } from "../../host/host.ts";
import { openRoot, type RootedFiles } from "../../host/rooted-files.ts";
import { abandonFilesystem } from "../../filesystems/shut-down.ts";
import { bootBlockBytes } from "../export/export-tree.ts";
import { bootAreaLimit } from "../export/disk-content.ts";
import { openDiskWriter, type DiskWriter } from "../../devices/blocks/disk-writer.ts";
import type { Extent } from "../../devices/blocks/extents.ts";
import { mendExtlinux } from "../../guest/boot/extlinux-moved.ts";
import {
  applyInodeFlags,
  decodeInodeFlags,
  type InodeFlags,
  inodeFlagsLimit,
  prepareEmptyFiles,
} from "../tree/inode-flags.ts";
import type { FilesystemFacts, Manifest } from "../format/manifest.ts";
import { bootAreaName, bootBlockName, inodeFlagsName } from "../format/member-names.ts";
import { pieceLimit, readPieces } from "../../devices/blocks/raw-blocks.ts";
import { giveBtrfsUuid, isUuidTaken, recreateFilesystem } from "../../filesystems/recreate.ts";
import { replaceIdentifiers } from "../../guest/storage/references.ts";
import type { RestorePlan } from "./restore-plan.ts";
import { removeNetworkRules, rewriteIdentifiers } from "../../guest/storage/rewrite-references.ts";
import { damaged, printable, type ReceivedMember, type StreamReader } from "../format/stream-reader.ts";
import { isOfTree, unpackTree } from "../tree/unpack-tree.ts";

type Identifiers = readonly (readonly [before: string, after: string])[];

/** What is done in the restored tree before it is closed, as making the swap that its fstab names. */
export type Finishing = (guest: RootedFiles) => Promise<void>;

/**
 * Restores a tree and what boots it. The partition table and boot code are written last, when the checksum has been
 * compared: until then the disk has no table, however this run ends.
 */
export async function restoreTree(
  host: Host,
  disk: Disk,
  reader: StreamReader,
  plan: RestorePlan,
  newIdentifiers: boolean,
  finishing: Finishing,
): Promise<void> {
  const { manifest } = reader;
  const facts = required(manifest.filesystem);
  await wipeSignatures(disk.device, disk.sizeBytes);
  const received = await receiveBefore(host, disk, reader, plan);
  const filesystem = await chooseUuid(host, facts, newIdentifiers);
  const identifiers = [...plan.identifiers, ...filesystem.identifiers];
  await receiveFilesystem(host, disk, reader, plan, { ...received, ...filesystem, identifiers, finishing });
  for (const image of received.images) await renameInImage(host, disk, image, identifiers);
  if (plan.table !== undefined) await restorePartitionTable(host, disk.device, plan.table);
  await restoreBootArea(host, disk, plan, received.bootArea);
}

interface Received {
  readonly bootArea: Buffer | undefined;
  readonly bootBlock: Buffer | undefined;
  readonly flags: readonly InodeFlags[];
  readonly firstOfTree: ReceivedMember;
  readonly images: readonly Extent[];
}

// What comes before the tree: small members are kept, pieces of other partitions written to their places.
async function receiveBefore(host: Host, disk: Disk, reader: StreamReader, plan: RestorePlan): Promise<Received> {
  const members = new Map<string, Buffer>();
  await using images = await openImages(host, disk, plan);
  for (;;) {
    const received = await reader.nextMember();
    if (received === undefined) throw damaged("it has no tree");
    const { member } = received;
    if (isOfTree(member)) {
      const flags = member.type === "5" ? (members.get(inodeFlagsName) ?? Buffer.alloc(0)) : undefined;
      if (flags === undefined) throw damaged("its tree is no directory");
      requireAnnounced(reader.manifest, members);
      return {
        bootArea: members.get(bootAreaName),
        bootBlock: members.get(bootBlockName),
        flags: decodeInodeFlags(flags),
        firstOfTree: received,
        images: [...plan.images.values()],
      };
    }
    if (member.type !== "0") throw unexpected(member.name);
    const limit = smallMembers[member.name];
    if (limit === undefined) await images.write(member.name, await reader.content(pieceLimit));
    else if (members.has(member.name)) throw unexpected(member.name);
    else members.set(member.name, await reader.content(limit));
  }
}

const smallMembers: Readonly<Record<string, number>> = {
  [bootAreaName]: bootAreaLimit,
  [bootBlockName]: 64 * 1024,
  [inodeFlagsName]: inodeFlagsLimit,
};

function requireAnnounced({ bootArea, bootBlock, inodeFlags }: Manifest, members: ReadonlyMap<string, Buffer>): void {
  const announced = [
    [bootAreaName, bootArea],
    [bootBlockName, bootBlock],
    [inodeFlagsName, inodeFlags],
  ] as const;
  for (const [name, bytes] of announced) {
    if (members.get(name)?.length !== bytes) throw damaged(`its member ${name} is not as the manifest says`);
  }
}

interface Images extends Owned {
  write(name: string, bytes: Buffer): Promise<void>;
}

// Each image partition is all zeros at first, for zeros are left out of the stream.
async function openImages(host: Host, disk: Disk, plan: RestorePlan): Promise<Images> {
  const writers = new Map<number, DiskWriter>();
  for (const [number, extent] of plan.images) {
    const writer = await openDiskWriter(host, disk.device, extent);
    writers.set(number, writer);
    await writer.zero(0, extent.end - extent.start);
  }
  return {
    async write(name, bytes) {
      const [, number, offset] = /^partitions\/(\d{1,3})\/(\d{16})$/.exec(name) ?? [];
      const writer = writers.get(Number(number));
      if (writer === undefined) throw unexpected(name);
      await writer.write(Number(offset), bytes);
    },
    async [Symbol.asyncDispose]() {
      for (const writer of writers.values()) await writer[Symbol.asyncDispose]();
    },
  };
}

interface ChosenUuid {
  /** What the filesystem is made with. */
  readonly facts: FilesystemFacts;
  readonly identifiers: Identifiers;
}

async function chooseUuid(host: Host, facts: FilesystemFacts, newIdentifiers: boolean): Promise<ChosenUuid> {
  const taken = !newIdentifiers && facts.type === "btrfs" && (await isUuidTaken(host, facts.uuid));
  if (taken) host.log.warn(`another btrfs on this node has the UUID ${facts.uuid}: the restored one gets a new one`);
  if (!newIdentifiers && !taken) return { facts, identifiers: [] };
  const uuid = randomUUID();
  return { facts: { ...facts, uuid }, identifiers: [[facts.uuid, uuid]] };
}

interface Filling extends Received, ChosenUuid {
  readonly finishing: Finishing;
}

async function receiveFilesystem(
  host: Host,
  disk: Disk,
  reader: StreamReader,
  plan: RestorePlan,
  filling: Filling,
): Promise<void> {
  await using root = await mapTree(host, disk, plan);
  const { facts } = filling;
  const used = required(reader.manifest.used);
  const deviceBytes = plan.tree.end - plan.tree.start;
  await wipeSignatures(root.device, deviceBytes);
  const madeUuid = await recreateFilesystem(host, root.device, facts, { ...used, deviceBytes });
  await host.log.phase(`restore ${facts.type} with its files`, () =>
    fillFilesystem(host, root.device, reader, filling),
  );
  if (madeUuid !== facts.uuid) await giveBtrfsUuid(host, root.device, facts.uuid);
  if (filling.bootBlock !== undefined) await writeBootBlock(host, root.device, facts, filling.bootBlock);
  if (filling.bootBlock !== undefined && facts.type.startsWith("ext")) await mendExtlinux(host, root.device);
}

async function mapTree(
  host: Host,
  disk: Disk,
  { partition, table }: RestorePlan,
): Promise<{ readonly device: string } & Owned> {
  if (partition === undefined || table === undefined) {
    return { device: disk.device, [Symbol.asyncDispose]: () => Promise.resolve() };
  }
  // By an offset, whatever PARTITION_MAPPER says: there is no table yet that kpartx could read.
  return await mapPartition(host, disk, partition, table.sectorSize, "loop");
}

async function fillFilesystem(host: Host, device: string, reader: StreamReader, filling: Filling): Promise<void> {
  const { facts, flags, firstOfTree, identifiers, finishing } = filling;
  await using mounted = await mountFilesystem(host, device, { type: facts.type, guestControlled: true, fresh: true });
  await using _ = abandonFilesystem(host, mounted.path);
  const overwrite = facts.type === "btrfs" && (await prepareEmptyFiles(host, mounted, flags));
  const next = await unpackTree(host, mounted, firstOfTree, reader, { overwrite });
  if (next !== undefined) throw unexpected(next.member.name);
  await reader.finish();
  const guest = openRoot(mounted.path, host);
  await removeNetworkRules(host, guest);
  await rewriteIdentifiers(host, guest, { identifiers });
  await finishing(guest);
  await applyInodeFlags(host, mounted, flags);
}

async function writeBootBlock(host: Host, device: string, facts: FilesystemFacts, block: Buffer): Promise<void> {
  if (block.length > bootBlockBytes(facts)) throw damaged(`its member ${bootBlockName} is too large`);
  await using writer = await openDiskWriter(host, device, { start: 0, end: block.length });
  await writer.write(0, block);
}

// The EFI system partition is the guest's and stays unopened. But identifiers are text of one length, so that GRUB's
// configuration in it finds the root again after a change.
async function renameInImage(host: Host, disk: Disk, image: Extent, identifiers: Identifiers): Promise<void> {
  const sameLength = identifiers.filter(([before, after]) => before.length === after.length);
  if (sameLength.length === 0) return;
  await using writer = await openDiskWriter(host, disk.device, image);
  for await (const { offset, bytes } of readPieces(disk.device, image, [])) {
    const text = bytes.toString("latin1");
    const renamed = replaceIdentifiers(text, { identifiers: sameLength });
    if (renamed !== text) await writer.write(offset, Buffer.from(renamed, "latin1"));
  }
}

// The boot code ends where the disk id and the table begin (byte 440). On gpt the table goes on to the end of its
// entries, and the gap before the first partition begins behind them. It holds nothing else than what was there.
async function restoreBootArea(
  host: Host,
  disk: Disk,
  { table }: RestorePlan,
  bootArea: Buffer = Buffer.alloc(0),
): Promise<void> {
  if (table === undefined) return;
  const end = Math.min(...table.partitions.map(({ startSector }) => startSector)) * table.sectorSize;
  if (bootArea.length > end) throw damaged(`its member ${bootAreaName} reaches into a partition`);
  const gap = table.style === "gpt" ? 2 * table.sectorSize + 128 * 128 : table.sectorSize;
  await using writer = await openDiskWriter(host, disk.device, { start: 0, end });
  await writer.zero(gap, end - gap);
  await writer.write(0, bootArea.subarray(0, 440));
  if (bootArea.length > gap) await writer.write(gap, bootArea.subarray(gap));
}

function unexpected(name: string): Error {
  return damaged(`its member ${printable(name)} has no place in it`);
}

function required<T>(value: T | undefined): T {
  if (value === undefined) throw new Error("the manifest has no tree");
  return value;
}
