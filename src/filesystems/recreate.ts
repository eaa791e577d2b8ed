import { randomUUID } from "node:crypto";
import type { Host } from "../host/host.ts";
import { run } from "../host/run.ts";
import type { FilesystemFacts } from "../stream/format/manifest.ts";
import { xfsFeatures } from "./xfs.ts";

type Facts<Type extends FilesystemFacts["type"]> = FilesystemFacts & { readonly type: Type };

/** What the new filesystem must hold. */
export interface Room {
  readonly bytes: number;
  readonly inodes: number;
}

/**
 * Makes a filesystem as it was, with exactly the features of the original, so that the guest's kernel and boot loader
 * read it as before, whatever this node's mkfs would make. Returns its UUID: for btrfs another one, since the kernel
 * takes two with one UUID for one filesystem (see {@link giveBtrfsUuid}).
 */
export async function recreateFilesystem(
  host: Host,
  device: string,
  facts: FilesystemFacts,
  room: Room & { readonly deviceBytes: number },
): Promise<string> {
  switch (facts.type) {
    case "xfs":
      await run(host, ["mkfs.xfs", "-q", "-f", ...xfsArguments(facts), device]);
      return facts.uuid;
    case "btrfs": {
      const uuid = randomUUID();
      const { said } = await run(host, ["mkfs.btrfs", "-O", "list-all"]); // on stderr
      await run(host, ["mkfs.btrfs", "-q", "-f", "-U", uuid, ...btrfsArguments(facts, said), device]);
      return uuid;
    }
    case "ext2":
    case "ext3":
    case "ext4":
      await run(host, ["mke2fs", "-q", "-F", ...extArguments(facts, room), device]);
      await run(host, ["tune2fs", ...tuneArguments(facts), device]);
      return facts.uuid;
  }
}

// mke2fs' own defaults (mke2fs.conf): below 512 MiB blocks of 1 KiB and more inodes, which a larger disk must not inherit.
const smallBytes = 512 * 1024 ** 2;

/** Arguments of mke2fs. */
export function extArguments(
  facts: Facts<"ext2" | "ext3" | "ext4">,
  room: Room & { readonly deviceBytes: number },
): readonly string[] {
  const { type, uuid, label, blockSize, blocks, inodes, inodeSize, features } = facts;
  const grown = blockSize * blocks < smallBytes && room.deviceBytes >= smallBytes;
  const perInode = grown ? 16384 : (blockSize * blocks) / inodes;
  const inodeCount = Math.ceil(Math.max(room.deviceBytes / perInode, room.inodes * 1.05 + 64));
  return [
    ...["-t", type],
    ...(grown ? [] : ["-b", String(blockSize)]),
    ...["-I", String(inodeSize)],
    ...["-N", String(Math.min(inodeCount, 2 ** 32 - 1024))],
    // Nothing by default, then what was there: the node's mke2fs.conf has no say.
    ...["-O", ["none", ...features.filter(isMakeable)].join(",")],
    ...["-m", reservedPercent(facts)],
    ...journalSize(facts, room.deviceBytes),
    ...["-U", uuid],
    ...(label === "" ? [] : ["-L", label]),
  ];
}

// Those say what is stored, and come by themselves.
const stored = new Set([
  "ext_attr_block",
  "dir_nlink_set",
  "large_xattr",
  "snapshot_bitmap",
  "has_snapshot",
  "replica",
]);

function isMakeable(feature: string): boolean {
  return !stored.has(feature) && !feature.startsWith("FEATURE_");
}

function reservedPercent({ reservedBlocks, blocks }: Facts<"ext2" | "ext3" | "ext4">): string {
  return Math.min(50, (100 * reservedBlocks) / Math.max(1, blocks)).toFixed(2);
}

// On a disk of about the old size the journal must not be larger than it was, or a full filesystem no longer fits.
function journalSize(facts: Facts<"ext2" | "ext3" | "ext4">, deviceBytes: number): readonly string[] {
  const { blockSize, blocks, journalBlocks = 0 } = facts;
  const mebibytes = (journalBlocks * blockSize) / 1024 ** 2;
  const isAlike = deviceBytes >= blocks * blockSize && deviceBytes < blocks * blockSize * 1.5;
  return isAlike && journalBlocks >= 1024 && Number.isInteger(mebibytes) ? ["-J", `size=${String(mebibytes)}`] : [];
}

/** Arguments of tune2fs for what mke2fs takes from its configuration. */
function tuneArguments({
  mountOptions,
  errorsBehavior,
  hashAlgorithm,
}: Facts<"ext2" | "ext3" | "ext4">): readonly string[] {
  const cleared = ["acl", "user_xattr"]
    .filter((option) => !mountOptions.includes(option))
    .map((option) => `^${option}`);
  const options = [...cleared, ...mountOptions];
  return [
    ...["-c", "-1", "-i", "0"],
    ...(errorsBehavior === undefined ? [] : ["-e", errorsBehavior]),
    ...(hashAlgorithm === undefined ? [] : ["-E", `hash_alg=${hashAlgorithm}`]),
    ...(options.length === 0 ? [] : ["-o", options.join(",")]),
  ];
}

/** Arguments of mkfs.xfs. */
export function xfsArguments(facts: Facts<"xfs">): readonly string[] {
  const { uuid, label, blockSize, inodeSize, sectorSize, directoryBlockSize, features } = facts;
  const switches = Object.entries(features).flatMap(([name, value]) => {
    const option = xfsFeatures[name];
    return option === undefined || isImplied(name, features) ? [] : [option, `${name}=${String(value)}`];
  });
  return [
    ...["-b", `size=${String(blockSize)}`],
    ...["-s", `size=${String(sectorSize)}`],
    ...["-i", `size=${String(inodeSize)}`],
    ...["-n", `size=${String(directoryBlockSize)}`],
    ...switches,
    ...["-m", `uuid=${uuid}`],
    ...(label === "" ? [] : ["-L", label]),
  ];
}

// With checksums (version 5) these cannot be told; without them the newer ones cannot.
function isImplied(name: string, features: Readonly<Record<string, number>>): boolean {
  const hasChecksums = features["crc"] === 1;
  if (hasChecksums) return ["projid32bit", "attr", "ftype"].includes(name);
  return !["crc", "projid32bit", "attr", "ftype"].includes(name) && features[name] === 0;
}

// Those that mkfs.btrfs makes by default, in some version.
const btrfsDefaults = ["extref", "skinny-metadata", "no-holes", "free-space-tree", "block-group-tree"];

/**
 * Arguments of mkfs.btrfs. `known`: the features of its -O; before btrfs-progs 6.3 some were under -R, and one it does
 * not know under either it does not make.
 */
export function btrfsArguments(facts: Facts<"btrfs">, known: string): readonly string[] {
  const { label, nodeSize, sectorSize, checksum, metadataProfile, features } = facts;
  const isListed = (name: string): boolean => new RegExp(`^${name}\\b`, "m").test(known);
  const off = btrfsDefaults.filter((name) => !features.includes(name));
  const listed = [...features.filter(isListed), ...off.filter(isListed).map((name) => `^${name}`)];
  const unlisted = features.filter((name) => !isListed(name));
  const isMixed = features.includes("mixed-bg");
  return [
    ...["--nodesize", String(isMixed ? sectorSize : nodeSize)],
    ...["--sectorsize", String(sectorSize)],
    ...["--checksum", checksum],
    ...["-m", metadataProfile, "-d", isMixed ? metadataProfile : "single"],
    ...(listed.length === 0 ? [] : ["-O", listed.join(",")]),
    ...(unlisted.length === 0 ? [] : ["-R", unlisted.join(",")]),
    ...(!isListed("free-space-tree") && !features.includes("free-space-tree") ? ["-R", "^free-space-tree"] : []),
    ...(label === "" ? [] : ["-L", label]),
  ];
}

/** Whether another block device of this node has a filesystem with this UUID. */
export async function isUuidTaken(host: Host, uuid: string): Promise<boolean> {
  const { exitCode } = await run(host, ["blkid", "--cache-file", "/dev/null", "--match-token", `UUID=${uuid}`], {
    accept: [0, 2],
  });
  return exitCode === 0;
}

/** Gives an unmounted btrfs another UUID, rewriting its metadata. */
export async function giveBtrfsUuid(host: Host, device: string, uuid: string): Promise<void> {
  await run(host, ["btrfstune", "-f", "-U", uuid, device]);
}
