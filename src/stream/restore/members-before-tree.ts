import { openDiskWriter, type DiskWriter } from "../../devices/blocks/disk-writer.ts";
import { pieceLimit } from "../../devices/blocks/raw-blocks.ts";
import type { Disk } from "../../devices/disk.ts";
import type { Owned } from "../../host/disposal.ts";
import type { Host } from "../../host/host.ts";
import { bootAreaLimit, type Manifest } from "../format/manifest.ts";
import { bootAreaName, bootBlockName, inodeFlagsName, usedBlocksName } from "../format/member-names.ts";
import { damaged, printable, type ReceivedMember, type StreamReader } from "../format/stream-reader.ts";
import type { TarMember } from "../format/tar-scanner.ts";
import { decodeInodeFlags, type InodeFlags, inodeFlagsLimit } from "../tree/inode-flags.ts";
import { isOfTree } from "../tree/unpack-tree.ts";
import type { RestorePlan } from "./restore-plan.ts";

/** What came before a tree. */
export interface MembersBeforeTree extends SmallMembers {
  readonly flags: readonly InodeFlags[];
  /** The tree's own directory, whose data was not read yet. */
  readonly firstOfTree: ReceivedMember;
}

/** What boots a guest, as it was received. */
export interface SmallMembers {
  readonly bootArea: Buffer | undefined;
  readonly bootBlock: Buffer | undefined;
}

/**
 * Reads up to the tree: small members are kept, pieces of other partitions are written to their places. Throws
 * KnownError for a member that has no place there.
 */
export async function receiveBeforeTree(
  host: Host,
  disk: Disk,
  reader: StreamReader,
  plan: RestorePlan,
): Promise<MembersBeforeTree> {
  const { members, next } = await receiveUntil(host, disk, reader, plan, isOfTree);
  const flags = next.member.type === "5" ? (members.get(inodeFlagsName) ?? Buffer.alloc(0)) : undefined;
  if (flags === undefined) throw damaged("its tree is no directory");
  return {
    bootArea: members.get(bootAreaName),
    bootBlock: members.get(bootBlockName),
    flags: decodeInodeFlags(flags),
    firstOfTree: next,
  };
}

/** Reads up to the list of used blocks, as {@link receiveBeforeTree} does to the tree. */
export async function receiveBeforeBlocks(
  host: Host,
  disk: Disk,
  reader: MemberReader,
  plan: RestorePlan,
): Promise<SmallMembers> {
  const { members } = await receiveUntil(
    host,
    disk,
    reader,
    plan,
    ({ name, type }) => name === usedBlocksName && type === "0",
  );
  return { bootArea: members.get(bootAreaName), bootBlock: members.get(bootBlockName) };
}

/** What both kinds of streams can do. */
export type MemberReader = Pick<StreamReader, "manifest" | "nextMember" | "content">;

async function receiveUntil(
  host: Host,
  disk: Disk,
  reader: MemberReader,
  plan: RestorePlan,
  isNext: (member: TarMember) => boolean,
): Promise<{ readonly members: ReadonlyMap<string, Buffer>; readonly next: ReceivedMember }> {
  const members = new Map<string, Buffer>();
  await using images = await openImages(host, disk, plan);
  for (;;) {
    const received = await reader.nextMember();
    if (received === undefined) throw damaged("it has no tree");
    const { member } = received;
    if (isNext(member)) {
      requireAnnounced(reader.manifest, members);
      return { members, next: received };
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

/** The error for a member that is not expected where it is. */
export function unexpected(name: string): Error {
  return damaged(`its member ${printable(name)} has no place in it`);
}
