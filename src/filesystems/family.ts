import type { Extent } from "../devices/blocks/extents.ts";
import type { Host } from "../host/host.ts";
import type { Need } from "../host/process/tools-table.ts";
import type { CommonFacts } from "./facts.ts";
import type { Feature, FeatureSwitch } from "./features.ts";

/** A command and its arguments. */
export type Command = readonly [string, ...string[]];

/** What a filesystem that is not mounted says of itself. */
export interface FamilyInspection<Facts extends CommonFacts> {
  readonly facts: Facts;
  /** Its journal was not replayed: it was in use when the snapshot was taken, or when its machine died. */
  readonly isDirty: boolean;
  /** It knows of errors in itself. */
  readonly isDamaged: boolean;
  /** What of it a tar cannot carry, for a sentence `it has ...`. */
  readonly obstacle?: string;
}

/** What a filesystem must hold, on which device. */
export interface Room {
  readonly bytes: number;
  readonly inodes: number;
  readonly deviceBytes: number;
}

/** What a new filesystem takes for itself. */
export interface Overhead {
  /** Journal, superblocks, group descriptors, in bytes. */
  readonly fixed: number;
  /** Inode tables, btrees: share of the device. */
  readonly share: number;
  /** Bytes of the device below which mkfs refuses, or makes what cannot be used. */
  readonly minimum: number;
}

/** A filesystem that is to be made with the node's defaults. */
export interface NewFilesystem<Type extends string = string> {
  readonly type: Type;
  readonly uuid: string;
  /** Undefined and empty: none. */
  readonly label?: string | undefined;
  /** Whether mkfs discards the device first, as it does by itself. */
  readonly discard: boolean;
  /** Further arguments: features that are switched off, and what the caller adds. */
  readonly options: readonly string[];
}

/** Options of mount(8), by what a mount is for. */
export interface MountOptions {
  /** For every mount. */
  readonly always: readonly string[];
  /** For a filesystem that was just made, and whose loss in a crash does not matter: no flush at each step of its journal. */
  readonly fresh: readonly string[];
  /** For one whose superblock is a guest's. */
  readonly guestControlled: readonly string[];
  /** For its whole tree, whatever part of it is mounted by default. */
  readonly wholeTree: readonly string[];
  /** For a mount that leaves the journal alone. */
  readonly withoutJournal: readonly string[];
}

/**
 * All that is known here of the filesystems of one kind. A family is one value, in a file of its own; families.ts lists
 * them. Whoever works with a filesystem asks its family instead of its type.
 */
export interface FilesystemFamily<Facts extends CommonFacts = CommonFacts> {
  /** As blkid(8) and mount(8) name them. */
  readonly types: readonly Facts["type"][];
  /** By which host/process/tools-table.ts finds the commands that make one, and those that read one which is not mounted. */
  readonly needs: { readonly make: Need; readonly inspect: Need };
  /** Newest first: a mkfs that does not know one knows none above it. */
  readonly features: readonly Feature[];
  /** Whether the guest checks it when it boots: fstab's sixth field. */
  readonly checkedAtBoot: boolean;
  /** The module by which grub reads it. */
  readonly grubModule: string;
  /** Whether extlinux starts from it. */
  readonly readByExtlinux: boolean;
  /** Whether dump(8) reads it. */
  readonly readByDump: boolean;
  /** Whether the kernel takes two with one UUID for one filesystem. */
  readonly uuidsMustDiffer: boolean;
  /** Whether some flags of a file can be set only while the file is empty. */
  readonly flagsBeforeContent: boolean;
  /** Bytes at its start that it leaves to boot loaders. */
  readonly bootBlockBytes: number;

  mountOptions(type: Facts["type"]): MountOptions;

  /** The command that makes a filesystem on `device`. Whatever was on it is overwritten. */
  mkfs(device: string, filesystem: NewFilesystem<Facts["type"]>): Command;

  /**
   * The switches that are left after `error`, with which mkfs refused `switches`; undefined when the error is not about
   * them.
   */
  knownSwitches(
    host: Host,
    switches: readonly FeatureSwitch[],
    error: unknown,
  ): Promise<readonly FeatureSwitch[] | undefined>;

  /**
   * Makes a filesystem as it was, with exactly the features of the original, so that the guest's kernel and boot loader
   * read it as before, whatever this node's mkfs would make. Returns its UUID: another one where UUIDs must differ, until
   * {@link giveUuid} gives it the original's.
   */
  recreate(host: Host, device: string, facts: Facts, room: Room): Promise<string>;

  /** Gives a filesystem that is not mounted another UUID. */
  giveUuid(host: Host, device: string, uuid: string): Promise<void>;

  /** Whether {@link setLabel} can set this label. */
  canSetLabel(label: string): boolean;

  /** Gives a filesystem that is not mounted another label, in one write of its superblock; "" for none. */
  setLabel(host: Host, device: string, label: string): Promise<void>;

  /** Lets a filesystem that is not mounted fill its device, which may have become larger. It is checked first. */
  grow(host: Host, device: string): Promise<void>;

  /** Reads the superblock of one that is not mounted. Throws CommandError where the tools cannot. */
  inspect(host: Host, device: string, type: Facts["type"]): Promise<FamilyInspection<Facts>>;

  /** What of the tree mounted at `path` a tar cannot carry, for a sentence `it has ...`. */
  treeObstacle(host: Host, path: string): Promise<string | undefined>;

  /**
   * Where one that is not mounted keeps nothing, in bytes from the start of its device of `bytes`; only ever too little.
   * `isDirty`: neither before nor after its journal is replayed. Throws CommandError where the tools cannot read it.
   */
  freeSpace(
    host: Host,
    device: string,
    state: { readonly bytes: number; readonly isDirty: boolean },
  ): Promise<readonly Extent[]>;

  /** What a new filesystem takes for itself, measured on ones just large enough for a Debian system (docs/cache.md). */
  overhead(type: Facts["type"]): Overhead;

  /** Bytes that one made by {@link recreate} needs of its device for a tree, its own tables and journal included. */
  neededBytes(facts: Facts, room: Room): number;
}
