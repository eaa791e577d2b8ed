import { randomUUID } from "node:crypto";
import { CommandError } from "../host/errors.ts";
import type { Host } from "../host/host.ts";
import { capture, run } from "../host/run.ts";
import {
  type FeatureOptions,
  type FeatureSwitch,
  type FilesystemType,
  joinSwitches,
  unreadableFeatures,
} from "./features.ts";

export { filesystemArguments, type FilesystemReader, type FilesystemType } from "./features.ts";

export interface MakeOptions extends FeatureOptions {
  readonly type: FilesystemType;
  /** The guest's suite: features it cannot read are left out. */
  readonly suite: string;
  /** Default: random. */
  readonly uuid?: string | undefined;
  readonly label?: string | undefined;
  /** False for a device that was discarded already; default true, as mkfs does by itself. */
  readonly discard?: boolean;
  /** Further arguments of the type's mkfs. */
  readonly extra?: readonly string[];
}

/** A filesystem just made. */
export interface Filesystem {
  readonly type: FilesystemType;
  readonly uuid: string;
  readonly label?: string;
}

/** Makes a filesystem that the guest's kernel, fsck and boot loader can read. Whatever was on the device is overwritten. */
export async function makeFilesystem(host: Host, device: string, options: MakeOptions): Promise<Filesystem> {
  const filesystem = {
    type: options.type,
    uuid: options.uuid ?? randomUUID(),
    ...(options.label === undefined ? {} : { label: options.label }),
  };
  let switches = unreadableFeatures(options.type, options.suite, options);
  for (;;) {
    try {
      await run(host, mkfsCommand(device, filesystem, switches, options));
      return filesystem;
    } catch (error) {
      // Arguments are checked before anything is written.
      const fewer = options.type === "xfs" ? await knownToXfs(host, switches) : withoutUnknown(switches, error);
      if (fewer === undefined || fewer.length + waysOf(fewer) === switches.length + waysOf(switches)) throw error;
      switches = fewer;
    }
  }
}

function mkfsCommand(
  device: string,
  { type, uuid, label }: Filesystem,
  switches: readonly FeatureSwitch[],
  { discard, extra = [] }: MakeOptions,
): [string, ...string[]] {
  const features = joinSwitches(switches.flatMap(({ ways }) => ways.slice(0, 1)));
  const labelled = label === undefined || label === "" ? [] : ["-L", label];
  const keep = discard === false;
  switch (type) {
    case "xfs":
      return [
        "mkfs.xfs",
        "-q",
        "-f",
        ...(keep ? ["-K"] : []),
        ...features,
        "-m",
        `uuid=${uuid}`,
        ...labelled,
        ...extra,
        device,
      ];
    case "btrfs":
      return [
        "mkfs.btrfs",
        "-q",
        "-f",
        ...(keep ? ["-K"] : []),
        ...features,
        "-U",
        uuid,
        ...labelled,
        ...extra,
        device,
      ];
    case "ext2":
    case "ext3":
    case "ext4":
      // mke2fs itself, with the type told: mkfs.TYPE is only a name of it.
      return [
        "mke2fs",
        "-t",
        type,
        "-q",
        "-F",
        ...(keep ? ["-E", "nodiscard"] : []),
        ...features,
        "-U",
        uuid,
        ...labelled,
        ...extra,
        device,
      ];
  }
}

/**
 * The switches without the one that this mkfs does not know (or with another way to say it); undefined when that is not
 * what the error is about. A feature it does not know it does not make either.
 */
function withoutUnknown(switches: readonly FeatureSwitch[], error: unknown): readonly FeatureSwitch[] | undefined {
  if (!(error instanceof CommandError)) return undefined;
  const complaint = /^.*(?:invalid filesystem option set|unrecognized (?:filesystem|runtime) feature).*$/im;
  const words = complaint.exec(error.outcome.said)?.[0] ?? "";
  // mke2fs repeats the whole set; the newest is the one.
  const unknown = switches.find(({ ways: [way] }) => way !== undefined && words.includes(way[1]));
  if (unknown === undefined) return undefined;
  const otherWays = { ...unknown, ways: unknown.ways.slice(1) };
  return switches.flatMap((entry) => (entry !== unknown ? [entry] : otherWays.ways.length > 0 ? [otherWays] : []));
}

// mkfs.xfs answers an option it does not know with its usage, which lists those it knows as `nrext64=0|1`.
async function knownToXfs(host: Host, switches: readonly FeatureSwitch[]): Promise<readonly FeatureSwitch[]> {
  const usage = await capture(host, ["sh", "-c", "exec mkfs.xfs 2>&1"], { accept: [0, 1] });
  return switches.filter(({ name }) => new RegExp(`\\b${name}=`).test(usage));
}

function waysOf(switches: readonly FeatureSwitch[]): number {
  return switches.reduce((sum, { ways }) => sum + ways.length, 0);
}

/** What blkid finds on a device. `type` as blkid names it: `ext4`, `swap`, `LVM2_member`, `crypto_LUKS`, ... */
export interface Probe {
  readonly type: string;
  readonly uuid: string | undefined;
  readonly label: string | undefined;
  /** blkid's class of it: `filesystem`, `raid`, `crypto`, `other`. */
  readonly usage: string | undefined;
}

/**
 * Probes the device itself (`blkid -p`: never its cache) for a filesystem or another known content. Undefined when there
 * is none, or when signatures of several kinds make it ambivalent.
 */
export async function probeFilesystem(host: Host, device: string): Promise<Probe | undefined> {
  const { stdout, exitCode } = await run(host, ["blkid", "--probe", "--output", "export", device], {
    accept: [0, 2, 8],
  });
  if (exitCode === 8) host.log.warn(`${device} carries signatures of several kinds: its content counts as unknown`);
  return exitCode === 0 ? parseProbe(stdout) : undefined;
}

/** Parses `blkid --output export`: NAME=value lines, special characters escaped by a backslash. */
export function parseProbe(text: string): Probe | undefined {
  const values = new Map(
    text.split("\n").flatMap((line) => {
      const at = line.indexOf("=");
      return at < 0 ? [] : [[line.slice(0, at), line.slice(at + 1).replace(/\\(.)/g, "$1")] as const];
    }),
  );
  const type = values.get("TYPE");
  if (type === undefined) return undefined;
  return { type, uuid: values.get("UUID"), label: values.get("LABEL"), usage: values.get("USAGE") };
}

/** The features of an ext2, ext3 or ext4 filesystem, as dumpe2fs(8) names them. */
export async function readExtFeatures(host: Host, device: string): Promise<ReadonlySet<string>> {
  return extFeatures(await capture(host, ["dumpe2fs", "-h", device]));
}

/** The features in what dumpe2fs prints of a filesystem. */
export function extFeatures(dump: string): ReadonlySet<string> {
  const list = /^Filesystem features:\s*(.*)$/m.exec(dump)?.[1] ?? "";
  return new Set(list.split(" ").filter((name) => name !== "" && name !== "(none)"));
}
