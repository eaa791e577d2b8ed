import { type Release, releaseOf } from "../releases/release.ts";
import { compareVersions } from "../releases/versions.ts";

export type FilesystemType = "ext2" | "ext3" | "ext4" | "xfs" | "btrfs";

/** What reads the boot files: extlinux knows less than grub does. */
export type FilesystemReader = "none" | "grub" | "extlinux" | "auto";

/** A feature that some mkfs makes by default, and the first versions that read it. */
interface Feature {
  readonly name: string;
  /** How mkfs is told to do without it. */
  readonly off: readonly [option: string, value: string];
  /** The same for versions of mkfs that want it another way. */
  readonly offElsewhere?: readonly [option: string, value: string];
  readonly kernel: string;
  /** Absent: grub reads such a filesystem anyway (a compatible or read-only compatible feature). */
  readonly grub?: string;
  /** e2fsck refuses features it does not know. */
  readonly e2fsprogs?: string;
  /** extlinux (syslinux 6) cannot read it. */
  readonly notForExtlinux?: boolean;
}

type Family = "ext" | "xfs" | "btrfs";

/** Newest first within a family: a mkfs that does not know one knows none above it. */
// ext: e2fsprogs' release notes, ext4(5); Debian #1031622; grub's fs/ext2.c (checksum seed: 2.12).
// xfs: mkfs.xfs(8), Documentation/admin-guide/xfs.rst, grub's fs/xfs.c (sparse inodes 2.04, bigtime 2.06, large extent counters 2.12).
// btrfs: btrfs(5), mkfs.btrfs(8).
const features: Readonly<Record<Family, readonly Feature[]>> = {
  ext: [
    { name: "orphan_file", off: ["-O", "^orphan_file"], kernel: "5.15", e2fsprogs: "1.47.0" },
    {
      name: "metadata_csum_seed",
      off: ["-O", "^metadata_csum_seed"],
      kernel: "4.4",
      grub: "2.12",
      e2fsprogs: "1.43",
      notForExtlinux: true,
    },
    { name: "metadata_csum", off: ["-O", "^metadata_csum"], kernel: "3.18", e2fsprogs: "1.43", notForExtlinux: true },
    { name: "64bit", off: ["-O", "^64bit"], kernel: "2.6.28", grub: "1.99", e2fsprogs: "1.43", notForExtlinux: true },
  ],
  xfs: [
    { name: "parent", off: ["-n", "parent=0"], kernel: "6.10", grub: "2.14" },
    { name: "exchange", off: ["-i", "exchange=0"], kernel: "6.10", grub: "2.14" },
    { name: "nrext64", off: ["-i", "nrext64=0"], kernel: "6.5", grub: "2.12" },
    { name: "bigtime", off: ["-m", "bigtime=0"], kernel: "5.15", grub: "2.06" },
    { name: "inobtcount", off: ["-m", "inobtcount=0"], kernel: "5.15" },
    { name: "rmapbt", off: ["-m", "rmapbt=0"], kernel: "4.16" },
    { name: "reflink", off: ["-m", "reflink=0"], kernel: "4.16" },
    { name: "sparse", off: ["-i", "sparse=0"], kernel: "4.8", grub: "2.04" },
    { name: "finobt", off: ["-m", "finobt=0"], kernel: "3.16" },
    { name: "crc", off: ["-m", "crc=0"], kernel: "3.16", grub: "2.02~beta3" },
  ],
  btrfs: [
    {
      name: "block-group-tree",
      off: ["-O", "^block-group-tree"],
      offElsewhere: ["-R", "^block-group-tree"],
      kernel: "6.1",
    },
    {
      name: "free-space-tree",
      off: ["-O", "^free-space-tree"],
      offElsewhere: ["-R", "^free-space-tree"],
      kernel: "4.9",
    },
    { name: "no-holes", off: ["-O", "^no-holes"], kernel: "4.0" },
    { name: "skinny-metadata", off: ["-O", "^skinny-metadata"], kernel: "3.18" },
    { name: "extref", off: ["-O", "^extref"], kernel: "3.12" },
  ],
};

export interface FeatureOptions {
  readonly bootloader?: FilesystemReader | undefined;
}

/** One feature to be switched off, with the ways to say so to mkfs, the usual one first. */
export interface FeatureSwitch {
  readonly name: string;
  readonly ways: readonly (readonly [option: string, value: string])[];
}

/** The features that a guest of `suite` cannot read, newest first. */
export function unreadableFeatures(
  type: FilesystemType,
  suite: string,
  options: FeatureOptions = {},
): readonly FeatureSwitch[] {
  const release = releaseOf(suite);
  return features[familyOf(type)]
    .filter(
      (feature) =>
        !isReadable(feature, release) || (options.bootloader === "extlinux" && feature.notForExtlinux === true),
    )
    .map(({ name, off, offElsewhere }) => ({ name, ways: offElsewhere === undefined ? [off] : [off, offElsewhere] }));
}

/**
 * The arguments that fit mkfs to the age of a suite, whatever the node's mkfs knows of them: two filesystems of one type
 * and size are alike when these are.
 */
export function filesystemArguments(
  type: FilesystemType,
  suite: string,
  options: FeatureOptions = {},
): readonly string[] {
  return joinSwitches(unreadableFeatures(type, suite, options).flatMap(({ ways }) => ways.slice(0, 1)));
}

/** `-O ^a -O ^b` as `-O ^a,^b`: of repeated options some versions of mkfs heed the last only. */
export function joinSwitches(switches: readonly (readonly [option: string, value: string])[]): readonly string[] {
  const options = [...new Set(switches.map(([option]) => option))];
  return options.flatMap((option) => [
    option,
    switches.flatMap(([other, value]) => (other === option ? [value] : [])).join(","),
  ]);
}

function isReadable({ kernel, grub, e2fsprogs }: Feature, release: Release): boolean {
  const isNewEnough = (needed: string | undefined, present: string): boolean =>
    needed === undefined || compareVersions(present, needed) >= 0;
  return (
    isNewEnough(kernel, release.kernel) && isNewEnough(grub, release.grub) && isNewEnough(e2fsprogs, release.e2fsprogs)
  );
}

function familyOf(type: FilesystemType): Family {
  return type === "xfs" || type === "btrfs" ? type : "ext";
}
