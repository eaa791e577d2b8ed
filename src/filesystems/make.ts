import { randomUUID } from "node:crypto";
import type { Host } from "../host/host.ts";
import { run } from "../host/process/run.ts";
import { familyOf, type FilesystemType } from "./families.ts";
import { type FeatureOptions, type FeatureSwitch, switchArguments, unreadableFeatures } from "./features.ts";

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
  const { type, label, discard = true, extra = [] } = options;
  const family = familyOf(type);
  const filesystem = { type, uuid: options.uuid ?? randomUUID(), ...(label === undefined ? {} : { label }) };
  let switches = unreadableFeatures(family.features, options.suite, options);
  for (;;) {
    try {
      const arguments_ = [...switchArguments(switches), ...extra];
      await run(host, [...family.mkfs(device, { ...filesystem, discard, options: arguments_ })]);
      return filesystem;
    } catch (error) {
      // Arguments are checked before anything is written.
      const fewer = await family.knownSwitches(host, switches, error);
      if (fewer === undefined || fewer.length + waysOf(fewer) === switches.length + waysOf(switches)) throw error;
      switches = fewer;
    }
  }
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
  return switchArguments(unreadableFeatures(familyOf(type).features, suite, options));
}

function waysOf(switches: readonly FeatureSwitch[]): number {
  return switches.reduce((sum, { ways }) => sum + ways.length, 0);
}
