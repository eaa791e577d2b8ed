import { randomUUID } from "node:crypto";
import { syncFile } from "../../devices/blocks/sync.ts";
import { wipeSignatures } from "../../devices/blocks/wipe.ts";
import type { Disk } from "../../devices/disk.ts";
import { mapPartition } from "../../devices/partitions/map.ts";
import { restorePartitionTable } from "../../devices/partitions/table.ts";
import { familyOf, type FilesystemFacts } from "../../filesystems/families.ts";
import { isUuidTaken } from "../../filesystems/probe.ts";
import { mendExtlinux } from "../../guest/boot/extlinux/moved.ts";
import { removeNetworkRules, rewriteIdentifiers } from "../../guest/storage/rewrite-references.ts";
import type { Target } from "../../host/process/confined.ts";
import { type Owned, ReleaseStack } from "../../host/disposal.ts";
import type { Host } from "../../host/host.ts";
import { openRoot } from "../../host/files/rooted-files.ts";
import type { StreamReader } from "../format/stream-reader.ts";
import { applyInodeFlags, prepareEmptyFiles } from "../tree/inode-flags.ts";
import { unpackTree } from "../tree/unpack-tree.ts";
import { type Identifiers, renameInImage, restoreBootArea, writeBootBlock } from "./boot-code.ts";
import { beginImport } from "../format/import-mark.ts";
import { type MembersBeforeTree, receiveBeforeTree, unexpected } from "./members-before-tree.ts";
import { mountRestored } from "./mount-restored.ts";
import type { RestorePlan } from "./restore-plan.ts";
import { unfinishedLabel } from "../format/unfinished.ts";
import type { RestoredGuest } from "./restored-guest.ts";

/** What the steps of restoring a tree share. */
interface Restoring extends MembersBeforeTree {
  readonly host: Host;
  readonly disk: Disk;
  readonly plan: RestorePlan;
  /** The filesystem as it is made. */
  readonly facts: FilesystemFacts;
  readonly identifiers: Identifiers;
}

/**
 * Restores a tree and what boots it: the files are on the disk and the checksum was compared when this returns. The
 * partition table and the boot code are written by `finish`, the filesystem's label last of all: until then the disk says
 * that its import did not finish, and holds no guest that could start, however this run ends.
 */
export async function restoreTree(
  host: Host,
  disk: Disk,
  reader: StreamReader,
  plan: RestorePlan,
): Promise<RestoredGuest> {
  const { filesystem, used } = reader.manifest;
  if (filesystem === undefined || used === undefined) throw new Error("the manifest has no tree");
  await beginImport(disk);
  const received = await receiveBeforeTree(host, disk, reader, plan);
  const facts = await chooseUuid(host, filesystem, plan.newIdentifiers);
  const identifiers = [...plan.identifiers, ...changedUuid(filesystem, facts)];
  const restoring = { ...received, host, disk, plan, facts, identifiers };

  await using releases = new ReleaseStack();
  const root = releases.use(await mapTree(host, disk, plan));
  const deviceBytes = plan.tree.end - plan.tree.start;
  await wipeSignatures(root.device, deviceBytes);
  const room = { ...used, deviceBytes };
  const madeUuid = await familyOf(facts.type).recreate(host, root.device, unfinished(facts), room);
  const mounted = releases.use(await mountRestored(host, root.device, facts.type));
  await host.log.phase(`restore ${facts.type} with its files`, () => receiveFiles(restoring, mounted.tree, reader));
  const guest = openRoot(mounted.tree.path, host);
  await removeNetworkRules(host, guest);
  await rewriteIdentifiers(host, guest, { identifiers });
  const held = releases.move();
  return {
    guest,
    devices: {},
    async finish() {
      await mounted.tree.reveal();
      await applyInodeFlags(host, mounted, restoring.flags);
      await mounted[Symbol.asyncDispose]();
      await finishFilesystem(restoring, root.device, madeUuid);
      await held[Symbol.asyncDispose]();
      await finishDisk(restoring);
      await finishLabel(restoring);
    },
    [Symbol.asyncDispose]: () => held[Symbol.asyncDispose](),
  };
}

async function chooseUuid(host: Host, facts: FilesystemFacts, newIdentifiers: boolean): Promise<FilesystemFacts> {
  const taken = !newIdentifiers && familyOf(facts.type).uuidsMustDiffer && (await isUuidTaken(host, facts.uuid));
  if (taken)
    host.log.warn(`another ${facts.type} on this node has the UUID ${facts.uuid}: the restored one gets a new one`);
  return newIdentifiers || taken ? { ...facts, uuid: randomUUID() } : facts;
}

function changedUuid(before: FilesystemFacts, after: FilesystemFacts): Identifiers {
  return before.uuid === after.uuid ? [] : [[before.uuid, after.uuid]];
}

/** The block device of the filesystem, of which the disk's table says nothing yet. */
export async function mapTree(
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

async function receiveFiles({ host, facts, flags, firstOfTree }: Restoring, target: Target, reader: StreamReader) {
  const overwrite = familyOf(facts.type).flagsBeforeContent && (await prepareEmptyFiles(host, target, flags));
  const next = await unpackTree(host, target, firstOfTree, reader, { overwrite });
  if (next !== undefined) throw unexpected(next.member.name);
  await reader.finish();
}

// Unmounted now: what the kernel must not see change below it.
async function finishFilesystem({ host, facts, bootBlock }: Restoring, device: string, madeUuid: string) {
  const family = familyOf(facts.type);
  if (madeUuid !== facts.uuid) await family.giveUuid(host, device, facts.uuid);
  if (bootBlock === undefined) return;
  await writeBootBlock(host, device, facts, bootBlock);
  if (family.readByExtlinux) await mendExtlinux(host, device);
}

function unfinished(facts: FilesystemFacts): FilesystemFacts {
  return familyOf(facts.type).canSetLabel(facts.label) ? { ...facts, label: unfinishedLabel } : facts;
}

// The last of all: until then the filesystem says that its import did not finish.
async function finishLabel(restoring: Restoring): Promise<void> {
  const { host, facts } = restoring;
  if (unfinished(facts).label === facts.label) return;
  await using root = await mapTree(restoring.host, restoring.disk, restoring.plan);
  await familyOf(facts.type).setLabel(host, root.device, facts.label);
}

/** What {@link finishDisk} writes. */
export type DiskEnd = Pick<Restoring, "host" | "disk" | "plan" | "identifiers" | "bootArea">;

/** Writes the table and the boot code, which come last: with them it is a guest's disk. */
export async function finishDisk({ host, disk, plan, identifiers, bootArea }: DiskEnd): Promise<void> {
  for (const image of plan.images.values()) await renameInImage(host, disk, image, identifiers);
  if (plan.table !== undefined) await restorePartitionTable(host, disk.device, plan.table);
  await restoreBootArea(host, disk, plan, bootArea);
  await syncFile(disk.device);
}
