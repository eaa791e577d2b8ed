import { CommandError } from "../host/errors.ts";
import { releaseOf } from "../releases/release.ts";
import type { Release } from "../releases/table.ts";
import { compareVersions } from "../releases/versions.ts";

/** What reads the boot files: extlinux knows less than grub does. */
export type FilesystemReader = "none" | "grub" | "extlinux" | "auto";

/** A feature that some mkfs makes by default, and the first versions that read it. */
export interface Feature {
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

export interface FeatureOptions {
  readonly bootloader?: FilesystemReader | undefined;
}

/** One feature to be switched off, with the ways to say so to mkfs, the usual one first. */
export interface FeatureSwitch {
  readonly name: string;
  readonly ways: readonly (readonly [option: string, value: string])[];
}

/** Which of `features` a guest of `suite` cannot read, in their order. */
export function unreadableFeatures(
  features: readonly Feature[],
  suite: string,
  options: FeatureOptions,
): readonly FeatureSwitch[] {
  const release = releaseOf(suite);
  return features
    .filter(
      (feature) =>
        !isReadable(feature, release) || (options.bootloader === "extlinux" && feature.notForExtlinux === true),
    )
    .map(({ name, off, offElsewhere }) => ({ name, ways: offElsewhere === undefined ? [off] : [off, offElsewhere] }));
}

/** The arguments of mkfs for `switches`, each said in its first way. */
export function switchArguments(switches: readonly FeatureSwitch[]): readonly string[] {
  return joinSwitches(switches.flatMap(({ ways }) => ways.slice(0, 1)));
}

/**
 * The switches without the one that this mkfs does not know (or with another way to say it); undefined when that is not
 * what the error is about. A feature it does not know it does not make either.
 */
export function withoutUnknown(
  switches: readonly FeatureSwitch[],
  error: unknown,
): readonly FeatureSwitch[] | undefined {
  if (!(error instanceof CommandError)) return undefined;
  const complaint = /^.*(?:invalid filesystem option set|unrecognized (?:filesystem|runtime) feature).*$/im;
  const words = complaint.exec(error.outcome.said)?.[0] ?? "";
  // mke2fs repeats the whole set; the newest is the one.
  const unknown = switches.find(({ ways: [way] }) => way !== undefined && words.includes(way[1]));
  if (unknown === undefined) return undefined;
  const otherWays = { ...unknown, ways: unknown.ways.slice(1) };
  return switches.flatMap((entry) => (entry !== unknown ? [entry] : otherWays.ways.length > 0 ? [otherWays] : []));
}

// `-O ^a -O ^b` as `-O ^a,^b`: of repeated options some versions of mkfs heed the last only.
function joinSwitches(switches: readonly (readonly [option: string, value: string])[]): readonly string[] {
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
