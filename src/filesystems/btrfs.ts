import type { Host } from "../host/host.ts";
import { capture } from "../host/run.ts";
import type { Inspection } from "./inspect.ts";

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

/** Reads the superblock of btrfs. Subvolumes show only once it is mounted: see {@link hasSubvolumes}. */
export async function inspectBtrfs(host: Host, device: string): Promise<Inspection> {
  return parseBtrfs(await capture(host, ["btrfs", "inspect-internal", "dump-super", "--full", device]));
}

/** Parses `btrfs inspect-internal dump-super --full`. */
export function parseBtrfs(text: string): Inspection {
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

/** Whether the btrfs mounted at `path` has subvolumes (snapshots among them): tar would leave them out or flatten them. */
export async function hasSubvolumes(host: Host, path: string): Promise<boolean> {
  return (await capture(host, ["btrfs", "subvolume", "list", path])) !== "";
}

// incompat_flags  0x341
//                 ( MIXED_BACKREF |
//                   EXTENDED_IREF )
function flagsOf(text: string, name: string): readonly string[] {
  const list = new RegExp(`^${name}[ \\t]+\\S+\\s+\\(([^)]*)\\)`, "m").exec(text)?.[1] ?? "";
  return list.split("|").map((flag) => flag.trim());
}
