import { randomUUID } from "node:crypto";
import * as z from "zod/mini";
import { mountDevice } from "../devices/attach/mount.ts";
import { complement, type Extent } from "../devices/blocks/extents.ts";
import { capture, run } from "../host/process/run.ts";
import { identity, powerOfTwo, word } from "./facts.ts";
import type { Command, FamilyInspection, FilesystemFamily, NewFilesystem } from "./family.ts";
import { type Feature, withoutUnknown } from "./features.ts";

/** The facts of btrfs. */
export const btrfsFacts = z.object({
  type: z.literal("btrfs"),
  ...identity,
  nodeSize: powerOfTwo,
  sectorSize: powerOfTwo,
  checksum: word,
  metadataProfile: z.enum(["single", "dup"]),
  features: z.array(word),
});
type BtrfsFacts = z.infer<typeof btrfsFacts>;

// btrfs(5), mkfs.btrfs(8). These are all that mkfs.btrfs makes by default, in some version.
const features: readonly Feature[] = [
  {
    name: "block-group-tree",
    off: ["-O", "^block-group-tree"],
    offElsewhere: ["-R", "^block-group-tree"],
    kernel: "6.1",
  },
  { name: "free-space-tree", off: ["-O", "^free-space-tree"], offElsewhere: ["-R", "^free-space-tree"], kernel: "4.9" },
  { name: "no-holes", off: ["-O", "^no-holes"], kernel: "4.0" },
  { name: "skinny-metadata", off: ["-O", "^skinny-metadata"], kernel: "3.18" },
  { name: "extref", off: ["-O", "^extref"], kernel: "3.12" },
];

// Incompatible features by the superblock's names, and those of mkfs.btrfs -O for the same.
const mkfsNames: Readonly<Record<string, string>> = {
  EXTENDED_IREF: "extref",
  SKINNY_METADATA: "skinny-metadata",
  NO_HOLES: "no-holes",
  MIXED_GROUPS: "mixed-bg",
  FREE_SPACE_TREE: "free-space-tree",
  BLOCK_GROUP_TREE: "block-group-tree",
};

const obstacles: Readonly<Record<string, string>> = {
  VERITY: "files sealed by fs-verity",
  ZONED: "zones",
  RAID_STRIPE_TREE: "a RAID stripe tree",
  EXTENT_TREE_V2: "an experimental extent tree",
  SIMPLE_QUOTA: "simple quotas",
  METADATA_UUID: "a second UUID (metadata_uuid)",
};

const mebibyte = 1024 ** 2;
const minimum = 128 * mebibyte;

/** btrfs, by btrfs-progs. */
export const btrfsFamily: FilesystemFamily<BtrfsFacts> = {
  types: ["btrfs"],
  needs: { make: "btrfs", inspect: "exportBtrfs" },
  features,
  // btrfs(5): its fsck does nothing, and a guest may not have it.
  checkedAtBoot: false,
  grubModule: "btrfs",
  readByExtlinux: false,
  readByDump: false,
  uuidsMustDiffer: true,
  // No copy on write: chattr(1), +C.
  flagsBeforeContent: true,
  bootBlockBytes: 64 * 1024,

  mountOptions: () => ({
    always: [],
    fresh: [],
    guestControlled: [],
    wholeTree: ["subvolid=5"],
    withoutJournal: [],
  }),

  mkfs,
  knownSwitches: (_host, switches, error) => Promise.resolve(withoutUnknown(switches, error)),

  async recreate(host, device, facts) {
    const uuid = randomUUID();
    const { said } = await run(host, ["mkfs.btrfs", "-O", "list-all"]); // on stderr
    await run(host, [...mkfs(device, { ...facts, uuid, discard: true, options: argumentsFor(facts, said) })]);
    return uuid;
  },

  // It rewrites the metadata.
  async giveUuid(host, device, uuid) {
    await run(host, ["btrfstune", "-f", "-U", uuid, device]);
  },

  canSetLabel: () => true,
  async setLabel(host, device, label) {
    await run(host, ["btrfs", "filesystem", "label", "--", device, label]);
  },

  // btrfs grows while it is mounted only.
  async grow(host, device) {
    await using mounted = await mountDevice(host, device, { type: "btrfs", guestControlled: true });
    await run(host, ["btrfs", "filesystem", "resize", "max", mounted.path]);
  },

  async inspect(host, device) {
    return parseBtrfs(await capture(host, ["btrfs", "inspect-internal", "dump-super", "--full", device]));
  },

  // Snapshots among them: tar would leave them out or flatten them.
  async treeObstacle(host, path) {
    return (await capture(host, ["btrfs", "subvolume", "list", path])) === "" ? undefined : "btrfs subvolumes";
  },

  // What the log of a dirty one adds is known to a mount only.
  async freeSpace(host, device, { bytes, isDirty }) {
    if (isDirty) return [];
    const tree = ["btrfs", "inspect-internal", "dump-tree", "-t", "dev", device] as const;
    return parseDeviceTree(await capture(host, [...tree]), bytes);
  },

  overhead: () => ({ fixed: 64 * mebibyte, share: 0.05, minimum }),
  neededBytes: (_facts, room) => Math.max(room.bytes * 1.1 + 64 * mebibyte, minimum),
};

function mkfs(device: string, { uuid, label, discard, options }: NewFilesystem): Command {
  return [
    ...(["mkfs.btrfs", "-q", "-f"] as const),
    ...(discard ? [] : ["-K"]),
    ...options,
    ...["-U", uuid],
    ...(label === undefined || label === "" ? [] : ["-L", label]),
    device,
  ];
}

// `known`: the features of -O; before btrfs-progs 6.3 some were under -R, and one that mkfs does not know under either it
// does not make.
function argumentsFor(facts: BtrfsFacts, known: string): readonly string[] {
  const { nodeSize, sectorSize, checksum, metadataProfile, features: made } = facts;
  const isListed = (name: string): boolean => new RegExp(`^${name}\\b`, "m").test(known);
  // The oldest first.
  const off = [...features]
    .reverse()
    .map(({ name }) => name)
    .filter((name) => !made.includes(name));
  const listed = [...made.filter(isListed), ...off.filter(isListed).map((name) => `^${name}`)];
  const unlisted = made.filter((name) => !isListed(name));
  const isMixed = made.includes("mixed-bg");
  return [
    ...["--nodesize", String(isMixed ? sectorSize : nodeSize)],
    ...["--sectorsize", String(sectorSize)],
    ...["--checksum", checksum],
    ...["-m", metadataProfile, "-d", isMixed ? metadataProfile : "single"],
    ...(listed.length === 0 ? [] : ["-O", listed.join(",")]),
    ...(unlisted.length === 0 ? [] : ["-R", unlisted.join(",")]),
    ...(!isListed("free-space-tree") && !made.includes("free-space-tree") ? ["-R", "^free-space-tree"] : []),
  ];
}

/** Parses `btrfs inspect-internal dump-super --full`. Subvolumes show only once it is mounted. */
export function parseBtrfs(text: string): FamilyInspection<BtrfsFacts> {
  const value = (name: string): string => new RegExp(`^${name}[ \\t]+(.*)$`, "m").exec(text)?.[1]?.trim() ?? "";
  const flags = [...flagsOf(text, "incompat_flags"), ...flagsOf(text, "compat_ro_flags")];
  const obstacle =
    Number(value("num_devices")) > 1
      ? "further devices"
      : flags.map((flag) => obstacles[flag]).find((found) => found !== undefined);
  return {
    facts: {
      type: "btrfs",
      uuid: value("fsid"),
      label: value("label"),
      nodeSize: Number(value("nodesize")),
      sectorSize: Number(value("sectorsize")),
      checksum: /\((\w+)\)/.exec(value("csum_type"))?.[1] ?? "crc32c",
      metadataProfile: /type SYSTEM\|DUP\b/.test(text) ? "dup" : "single",
      features: flags.flatMap((flag) => mkfsNames[flag] ?? []),
    },
    isDirty: value("log_root") !== "0",
    isDamaged: false,
    ...(obstacle === undefined ? {} : { obstacle }),
  };
}

// incompat_flags  0x341
//                 ( MIXED_BACKREF |
//                   EXTENDED_IREF )
function flagsOf(text: string, name: string): readonly string[] {
  const list = new RegExp(`^${name}[ \\t]+\\S+\\s+\\(([^)]*)\\)`, "m").exec(text)?.[1] ?? "";
  return list.split("|").map((flag) => flag.trim());
}

// The superblock and its copies, each 4 KiB; the first MiB is never allocated (BTRFS_DEVICE_RANGE_RESERVED).
const reserved: readonly Extent[] = [
  { start: 0, end: 1024 ** 2 },
  { start: 64 * 1024 ** 2, end: 64 * 1024 ** 2 + 4096 },
  { start: 256 * 1024 ** 3, end: 256 * 1024 ** 3 + 4096 },
];

/** What btrfs has not allocated to chunks, by the device tree of btrfs-inspect-internal(8). */
export function parseDeviceTree(text: string, bytes: number): readonly Extent[] {
  const items = text.matchAll(/key \(1 DEV_EXTENT (\d+)\)[^\n]*\n(?:(?!\titem)[^\n]*\n)*?[^\n]*\blength (\d+)/g);
  const chunks = [...items].map(([, start, length]) => ({ start: Number(start), end: Number(start) + Number(length) }));
  return chunks.length === 0 ? [] : complement([...reserved, ...chunks], bytes);
}
