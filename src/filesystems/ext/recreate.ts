import type { Host } from "../../host/host.ts";
import { run } from "../../host/process/run.ts";
import type { Room } from "../family.ts";
import type { ExtFacts } from "./facts.ts";
import { mke2fs } from "./mke2fs.ts";

/** Makes ext2, ext3 or ext4 as it was; returns its UUID. */
export async function recreateExt(host: Host, device: string, facts: ExtFacts, room: Room): Promise<string> {
  await run(host, [...mke2fs(device, { ...facts, discard: true, options: mke2fsArguments(facts, room) })]);
  await run(host, ["tune2fs", ...tuneArguments(facts), device]);
  return facts.uuid;
}

// mke2fs' own defaults (mke2fs.conf): below 512 MiB blocks of 1 KiB and more inodes, which a larger disk must not inherit.
const smallBytes = 512 * 1024 ** 2;

function mke2fsArguments(facts: ExtFacts, room: Room): readonly string[] {
  const { blockSize, blocks, inodes, inodeSize, features } = facts;
  const grown = blockSize * blocks < smallBytes && room.deviceBytes >= smallBytes;
  const perInode = grown ? 16384 : (blockSize * blocks) / inodes;
  const inodeCount = Math.ceil(Math.max(room.deviceBytes / perInode, room.inodes * 1.05 + 64));
  return [
    ...(grown ? [] : ["-b", String(blockSize)]),
    ...["-I", String(inodeSize)],
    ...["-N", String(Math.min(inodeCount, 2 ** 32 - 1024))],
    // Nothing by default, then what was there: the node's mke2fs.conf has no say.
    ...["-O", ["none", ...features.filter(isMakeable)].join(",")],
    ...["-m", reservedPercent(facts)],
    ...journalSize(facts, room.deviceBytes),
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

function reservedPercent({ reservedBlocks, blocks }: ExtFacts): string {
  return Math.min(50, (100 * reservedBlocks) / Math.max(1, blocks)).toFixed(2);
}

// On a disk of about the old size the journal must not be larger than it was, or a full filesystem no longer fits.
function journalSize(facts: ExtFacts, deviceBytes: number): readonly string[] {
  const { blockSize, blocks, journalBlocks = 0 } = facts;
  const mebibytes = (journalBlocks * blockSize) / 1024 ** 2;
  const isAlike = deviceBytes >= blocks * blockSize && deviceBytes < blocks * blockSize * 1.5;
  return isAlike && journalBlocks >= 1024 && Number.isInteger(mebibytes) ? ["-J", `size=${String(mebibytes)}`] : [];
}

// What mke2fs takes from its configuration.
function tuneArguments({ mountOptions, errorsBehavior, hashAlgorithm }: ExtFacts): readonly string[] {
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

const mebibyte = 1024 ** 2;

/** What {@link recreateExt} needs of the device for a tree, in bytes. */
export function neededForExt(facts: ExtFacts, { bytes, inodes, deviceBytes }: Room): number {
  const perInode = Math.max(1024, (facts.blockSize * facts.blocks) / facts.inodes);
  const tables = Math.max(deviceBytes / perInode, inodes * 1.05) * facts.inodeSize;
  const journal = facts.type === "ext2" ? 0 : Math.min(64 * mebibyte, deviceBytes / 16);
  return bytes + tables + journal + deviceBytes / 200 + mebibyte / 2;
}
