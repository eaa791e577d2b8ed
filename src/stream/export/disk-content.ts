import type { Disk } from "../../devices/disk.ts";
import { mountFilesystem } from "../../filesystems/mount.ts";
import { mapPartition } from "../../devices/partitions/map.ts";
import { partitionTypes } from "../../devices/partitions/plan.ts";
import {
  type Partition,
  type PartitionTable,
  readPartitionTable,
  rootPartition,
} from "../../devices/partitions/table.ts";
import { type Owned, ownedBy, ReleaseStack } from "../../host/disposal.ts";
import { CommandError } from "../../host/errors.ts";
import type { Host } from "../../host/host.ts";
import { requireTools, type Tool } from "../../host/process/tools.ts";
import { toolsFor } from "../../host/process/tools-table.ts";
import type { ExtFacts } from "../../filesystems/ext/facts.ts";
import { replayJournal } from "../../filesystems/ext/replayed-journal.ts";
import type { Extent } from "../../devices/blocks/extents.ts";
import { freeSpaceOf } from "./free-space.ts";
import { inspectFilesystem, probeFilesystem } from "../../filesystems/probe.ts";
import { familyOf, type FilesystemFacts, type Inspection, isFilesystemType } from "../../filesystems/families.ts";
import { refuseHiddenTree, refuseMarkedDisk, refuseUnfinished } from "../format/unfinished.ts";
import { bootAreaLimit } from "../format/manifest.ts";

/** A disk with one filesystem of the guest, mounted read-only. */
export interface TreeContent {
  readonly kind: "tree";
  /** Undefined for a filesystem on the whole disk. */
  readonly table: PartitionTable | undefined;
  /** The partition with the filesystem. */
  readonly partition: Partition | undefined;
  readonly facts: FilesystemFacts;
  /** Block device of the filesystem. */
  readonly device: string;
  /** Where it is mounted. */
  readonly path: string;
}

/** A disk with one ext2, ext3 or ext4 of the guest, whose used blocks are taken. */
export interface ImageContent extends Pick<TreeContent, "table" | "partition" | "device"> {
  readonly kind: "image";
  readonly facts: ExtFacts;
  /** Where the filesystem begins, in bytes of the disk. */
  readonly start: number;
  /** `unreplayed`: its journal is not to be replayed here, since nothing may be written to the disk. */
  readonly journal: "clean" | "unreplayed";
}

export interface SwapContent {
  readonly kind: "swap";
  readonly uuid: string | undefined;
  readonly label: string | undefined;
}

/** A disk that is taken as it is. `reason` completes "taken as raw blocks: ...". */
export interface RawContent {
  readonly kind: "raw";
  readonly reason: string;
  /** Where a filesystem says that it keeps nothing. */
  readonly free: readonly Extent[];
}

export type DiskContent = TreeContent | ImageContent | SwapContent | RawContent;

export interface ContentOptions {
  /** The disk is a snapshot, whose journal may be replayed; else nothing is ever written to it. */
  readonly mayReplay: boolean;
  /** Filesystems whose blocks can be taken are; else their files are. */
  readonly asImage: boolean;
}

const serving: ReadonlySet<string> = new Set([partitionTypes.biosBoot, partitionTypes.esp]);

/**
 * Finds out what a disk is and, for a tree, mounts it read-only. Whatever could not be carried whole as a tree or image
 * is raw, with the reason. Throws KnownError for a disk whose import failed or did not finish.
 */
export async function openContent(host: Host, disk: Disk, options: ContentOptions): Promise<DiskContent & Owned> {
  await using releases = new ReleaseStack();
  await refuseMarkedDisk(disk, "export");
  const content = await classify(host, disk, options, releases);
  const complete = content.kind === "raw" ? { ...content, free: await freeSpaceOf(host, disk) } : content;
  return ownedBy(complete, releases.move());
}

async function classify(host: Host, disk: Disk, options: ContentOptions, releases: ReleaseStack): Promise<DiskContent> {
  const table = await readPartitionTable(host, disk.device);
  const whole = await probeFilesystem(host, disk.device);
  if (table === undefined || (table.partitions.length === 0 && whole !== undefined)) {
    if (whole === undefined) return raw("it holds neither a partition table nor a filesystem that is known here");
    if (whole.type === "swap") return { kind: "swap", uuid: whole.uuid, label: whole.label };
    refuseUnfinished(disk.path, "export", whole);
    return await openFilesystem(
      host,
      { path: disk.path, device: disk.device, type: whole.type, start: 0, ...options },
      releases,
    );
  }
  const partition = rootPartition(table);
  const obstacle = tableObstacle(table, partition, whole !== undefined);
  if (partition === undefined || obstacle !== undefined) return raw(obstacle ?? severalPartitions);
  const mapped = releases.use(await mapPartition(host, disk, partition, table.sectorSize, "loop"));
  const found = await probeFilesystem(host, mapped.device);
  if (found === undefined) return raw("its partition holds no filesystem that is known here");
  refuseUnfinished(disk.path, "export", found);
  const start = partition.startSector * table.sectorSize;
  const content = await openFilesystem(
    host,
    { path: disk.path, device: mapped.device, type: found.type, start, ...options },
    releases,
  );
  return content.kind === "raw" ? content : { ...content, table, partition };
}

const severalPartitions = "it has partitions of the guest's own making";

function tableObstacle(table: PartitionTable, root: Partition | undefined, hasWhole: boolean): string | undefined {
  if (hasWhole) return "it holds both a partition table and a filesystem";
  if (root === undefined) return severalPartitions;
  const others = table.partitions.filter((partition) => partition !== root);
  if (others.some(({ type }) => !serving.has(type))) return severalPartitions;
  const first = Math.min(...table.partitions.map(({ startSector }) => startSector));
  if (first * table.sectorSize > bootAreaLimit) return "its first partition begins far from the start";
  const names = table.partitions.map(({ name }) => name ?? "").join("");
  return /["\\\p{Cc}]/u.test(names) ? "a partition has an unusual name" : undefined;
}

interface Candidate extends ContentOptions {
  /** Of the disk, as it was given. */
  readonly path: string;
  readonly device: string;
  readonly type: string;
  readonly start: number;
}

async function openFilesystem(
  host: Host,
  candidate: Candidate,
  releases: ReleaseStack,
): Promise<TreeContent | ImageContent | RawContent> {
  const { device, type, asImage } = candidate;
  requireTools(host, toolsForExport(type));
  const inspection = await unlessItFails(host, () => inspectFilesystem(host, device, type));
  if (inspection === failed) return raw(unreadable(type));
  if (inspection === undefined) return raw(`it holds ${type}, which is not taken apart`);
  if (asImage && isExt(inspection.facts)) return await openImage(host, candidate, inspection, inspection.facts);
  return await openTree(host, candidate, inspection, releases);
}

function unreadable(type: string): string {
  return `its ${type} is damaged, or made by newer tools than this node's`;
}

function isExt(facts: FilesystemFacts): facts is ExtFacts {
  return facts.type === "ext2" || facts.type === "ext3" || facts.type === "ext4";
}

// Blocks carry whatever a tar cannot. What the allocation map of a damaged filesystem says is not to be relied on.
async function openImage(
  host: Host,
  { device, type, start, mayReplay }: Candidate,
  { isDirty, isDamaged }: Inspection,
  facts: ExtFacts,
): Promise<ImageContent | RawContent> {
  if (isDamaged) return raw(knowsOfErrors);
  if (isDirty && mayReplay) {
    host.log.info(`replaying the journal of the snapshot's ${type}`);
    if ((await unlessItFails(host, () => replayJournal(host, device))) === failed) return raw(unreadable(type));
  }
  const journal = isDirty && !mayReplay ? "unreplayed" : "clean";
  return { kind: "image", table: undefined, partition: undefined, facts, device, start, journal };
}

async function openTree(
  host: Host,
  { path, device, type, mayReplay }: Candidate,
  inspection: Inspection,
  releases: ReleaseStack,
): Promise<TreeContent | RawContent> {
  const obstacle = obstacleOf(inspection, mayReplay);
  if (obstacle !== undefined) return raw(obstacle);
  if (inspection.isDirty) host.log.info(`replaying the journal of the snapshot's ${type}`);
  const { facts } = inspection;
  const whole = { type: facts.type, readOnly: true, guestControlled: true, wholeTree: true } as const;
  const mounted = await unlessItFails(host, () =>
    mountFilesystem(host, device, { ...whole, withoutJournal: !inspection.isDirty }),
  );
  if (mounted === failed) return raw(`its ${type} cannot be mounted on this node`);
  releases.use(mounted);
  await refuseHiddenTree(path, "export", mounted.path);
  const unpackable = await familyOf(facts.type).treeObstacle(host, mounted.path);
  if (unpackable !== undefined) {
    await releases[Symbol.asyncDispose]();
    return raw(`it has ${unpackable}`);
  }
  return { kind: "tree", table: undefined, partition: undefined, facts, device, path: mounted.path };
}

// A tool that is missing is no reason to take the disk as it is: the administrator can install it.
function toolsForExport(type: string): readonly Tool[] {
  return isFilesystemType(type) ? toolsFor(familyOf(type).needs.inspect) : [];
}

const knowsOfErrors = "its filesystem knows of errors in itself";

const failed = Symbol("failed");

// Whatever a node's tools and kernel cannot read is still a disk that can be copied.
async function unlessItFails<T>(host: Host, work: () => Promise<T>): Promise<T | typeof failed> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    host.log.warn(error.message);
    return failed;
  }
}

function obstacleOf({ isDirty, isDamaged, obstacle }: Inspection, mayReplay: boolean): string | undefined {
  if (obstacle !== undefined) return `it has ${obstacle}, which a tar cannot carry`;
  if (isDamaged) return knowsOfErrors;
  if (isDirty && !mayReplay) return "its journal was not replayed, and it is no snapshot that could be written to";
  return undefined;
}

function raw(reason: string): RawContent {
  return { kind: "raw", reason, free: [] };
}
