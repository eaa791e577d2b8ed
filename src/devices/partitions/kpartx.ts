import { join } from "node:path";
import type { Owned } from "../../host/disposal.ts";
import { KnownError } from "../../host/errors.ts";
import type { Host } from "../../host/host.ts";
import { capture, run } from "../../host/process/run.ts";
import {
  blockDeviceNumber,
  type DeviceNumber,
  kernelSectorSize,
  readText,
  sysfsDirectory,
} from "../kernel/block-device.ts";
import { describeUsers } from "../kernel/device-users.ts";
import { retryFor } from "../attach/retry.ts";
import { settleUdev } from "../attach/udev.ts";

/** A part of a disk, in bytes. */
export interface Extent {
  readonly offset: number;
  readonly sizeLimit: number;
}

/** A linear device-mapper device: `sectors` of the device `on`, from sector `start`; sectors of 512 bytes. */
export interface LinearMap {
  readonly name: string;
  readonly on: DeviceNumber;
  readonly start: number;
  readonly sectors: number;
}

const releaseSeconds = 10;

/**
 * Maps all partitions of a disk with kpartx and returns the one at `extent`. Device-mapper tells which one that is,
 * because kpartx's names differ by version and by the disk's name. The disk must not carry a partition map yet.
 */
export async function mapWithKpartx(
  host: Host,
  disk: { readonly device: string; readonly readOnly: boolean },
  extent: Extent,
): Promise<{ readonly device: string } & Owned> {
  const struckOut = host.journal.record({ kind: "partition-map", disk: disk.device });
  const release = async (): Promise<void> => {
    await unmapPartitions(host, disk.device);
    struckOut();
  };
  try {
    // A new table makes udev open the disk.
    await settleUdev(host);
    // Device-mapper reads below the disk's page cache, so the cache must be written out and emptied first.
    if (!disk.readOnly) await run(host, ["blockdev", "--flushbufs", disk.device], { shielded: true });
    await run(host, ["kpartx", "-a", "-s", ...(disk.readOnly ? ["-r"] : []), disk.device], { shielded: true });
    await settleUdev(host);
    return { device: await findMap(host, disk.device, extent), [Symbol.asyncDispose]: release };
  } catch (error) {
    await using _ = { [Symbol.asyncDispose]: release };
    throw error;
  }
}

async function findMap(host: Host, disk: string, { offset, sizeLimit }: Extent): Promise<string> {
  const maps = await partitionMaps(host, disk);
  const map = maps.find(
    ({ start, sectors }) => start * kernelSectorSize === offset && sectors * kernelSectorSize === sizeLimit,
  );
  if (map !== undefined) return `/dev/mapper/${map.name}`;
  const seen = maps
    .map(({ name, start, sectors }) => `${name} at ${String(start)} of ${String(sectors)} sectors`)
    .join(", ");
  throw new KnownError(
    `kpartx did not map the partition of ${disk} at byte ${String(offset)} of ${String(sizeLimit)} bytes (made: ${seen || "none"})`,
    {
      hint: "PARTITION_MAPPER=loop works without kpartx",
    },
  );
}

/**
 * Removes every partition map on `disk` and verifies that; returns whether there was one. Throws KnownError that names
 * a map that stays, and its users.
 */
export async function unmapPartitions(host: Host, disk: string, seconds = releaseSeconds): Promise<boolean> {
  if ((await partitionMaps(host, disk)).length === 0) return false;
  await settleUdev(host);
  const left = await retryFor(host, seconds, async () => {
    for (const { name } of await partitionMaps(host, disk))
      await run(host, ["dmsetup", "remove", name], { shielded: true, accept: [0, 1] });
    return (await partitionMaps(host, disk)).length === 0 ? true : undefined;
  });
  if (left === true) return true;
  const [stuck] = await partitionMaps(host, disk);
  if (stuck === undefined) return true;
  throw new KnownError(
    `partition map ${stuck.name} on ${disk} is still held${describeUsers(`/dev/mapper/${stuck.name}`)}`,
    {
      hint: `stop its users, then run: dmsetup remove ${stuck.name}`,
    },
  );
}

/**
 * The maps on `disk` that kpartx made (its UUIDs begin with `part` and a number), whatever their names. One that a
 * killed kpartx left without a table has 0 sectors: only its UUID tells what it is for.
 */
export async function partitionMaps(host: Host, disk: string): Promise<readonly LinearMap[]> {
  const number = blockDeviceNumber(disk);
  if (number === undefined) return [];
  const [table, info] = await Promise.all([
    capture(host, ["dmsetup", "table"], { shielded: true }),
    capture(host, ["dmsetup", "info", "--columns", "--noheadings", "--separator", " ", "--options", "name,uuid"], {
      shielded: true,
    }),
  ]);
  const parents = parseParents(info);
  const parent = parentUuid(number, mapUuid(number));
  const unfinished = parseMapsWithoutTable(table).filter((name) => parents.get(name) === parent);
  return [
    ...parseLinearMaps(table).filter(({ name, on }) => on === number && parents.has(name)),
    ...unfinished.map((name) => ({ name, on: number, start: 0, sectors: 0 })),
  ];
}

/**
 * What kpartx writes after `partN-` into the UUID of a map (nondm_create_uuid in kpartx/devmapper.c): the UUID of the
 * device-mapper device that it is on, or of its own making for another device.
 */
export function parentUuid(number: DeviceNumber, mapUuid: string | undefined): string {
  return mapUuid === undefined || mapUuid === "" ? `devnode_${number}_Wh5pYvM` : mapUuid;
}

function mapUuid(number: DeviceNumber): string | undefined {
  const directory = sysfsDirectory(number);
  return directory === undefined ? undefined : readText(join(directory, "dm/uuid"));
}

// For each map, the part of its UUID that names its parent, from lines of `name partN-uuid`.
function parseParents(info: string): ReadonlyMap<string, string> {
  return new Map(
    info.split("\n").flatMap((line): [string, string][] => {
      const [, name, parent] = /^(\S+) part\d+-(.*)$/.exec(line.trim()) ?? [];
      return name === undefined || parent === undefined ? [] : [[name, parent]];
    }),
  );
}

/** Parses `dmsetup table`: lines of `name: 0 sectors linear major:minor start`. */
export function parseLinearMaps(text: string): readonly LinearMap[] {
  return text.split("\n").flatMap((line) => {
    const [, name = "", sectors, on = "", start] = /^(\S+): 0 (\d+) linear (\d+:\d+) (\d+)$/.exec(line.trim()) ?? [];
    return name === "" ? [] : [{ name, on, start: Number(start), sectors: Number(sectors) }];
  });
}

// `dmsetup table` shows only the name of a map that was made but not resumed.
function parseMapsWithoutTable(text: string): readonly string[] {
  return text.split("\n").flatMap((line) => /^(\S+):$/.exec(line.trim())?.[1] ?? []);
}
