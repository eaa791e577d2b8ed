import { type Owned, ownedBy, ReleaseStack } from "../host/disposal.ts";
import { KnownError } from "../host/errors.ts";
import type { Host } from "../host/host.ts";
import { attachDisks, type Disk } from "./disk.ts";
import { readBlockDevice } from "./kernel/block-device.ts";

/** The disks of an instance that a run works on. */
export interface DiskSet {
  readonly root: Disk;
  readonly swap: Disk | undefined;
  readonly data: readonly Disk[];
}

/** The paths of a {@link DiskSet}. */
export interface DiskPaths {
  readonly root: string;
  readonly swap?: string | undefined;
  readonly data?: readonly string[];
}

/**
 * Takes the disks of an instance for this run, as {@link attachDisks} does. Throws KnownError also when one is a
 * partition of another.
 */
export async function attachDiskSet(host: Host, { root, swap, data = [] }: DiskPaths): Promise<DiskSet & Owned> {
  await using releases = new ReleaseStack();
  const attached = await attachDisks(host, [root, ...(swap === undefined ? [] : [swap]), ...data]);
  for (const disk of attached) releases.use(disk);
  refuseOverlaps(attached);
  const [rootDisk, ...others] = attached;
  return ownedBy(
    {
      root: rootDisk,
      swap: swap === undefined ? undefined : others[0],
      data: swap === undefined ? others : others.slice(1),
    },
    releases.move(),
  );
}

function refuseOverlaps(disks: readonly Disk[]): void {
  const known = disks.map((disk) => ({ disk, block: readBlockDevice(disk.device) }));
  for (const { disk: whole, block } of known) {
    const part = known.find((other) => block.partitions.includes(other.block.number));
    if (part === undefined) continue;
    throw new KnownError(`${part.disk.path} is a partition of ${whole.path}: writing to one would destroy the other`, {
      hint: "give two separate devices for the instance's disk and its swap",
    });
  }
}
