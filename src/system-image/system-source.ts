import { join } from "node:path";
import type { FilesystemType } from "../filesystems/families.ts";
import { type Owned, ReleaseStack } from "../host/disposal.ts";
import type { Host } from "../host/host.ts";
import { mountFilesystem } from "../filesystems/mount.ts";
import { type BootstrapTask, bootstrapTree } from "./bootstrap/bootstrap.ts";
import type { Cache } from "./cache/cache.ts";
import type { CheckedTar } from "./cache/checked-tar.ts";
import { publishOrWarn } from "./cache/publish.ts";
import type { ScratchSpace } from "./cache/scratch.ts";
import { removeImage } from "./cache/set-aside.ts";
import { type Requirement, requirementFor } from "./disk-requirement.ts";
import { type GuestFilesystem, type PopulatedFilesystem, populateFresh } from "./image/fresh-filesystem.ts";
import { imageOf } from "./image/fitting-image.ts";
import { UnreadableImageError } from "./image/image-file.ts";
import type { ImageSite } from "./image/image-maker.ts";
import { writeImage } from "./image/write-image.ts";
import type { SystemOrder } from "./cache/system-order.ts";
import type { SystemSpec } from "./spec/system-spec.ts";
import { copyTree, treeSize, unpackOpenTar } from "./tree/tar.ts";

/** A system that is at hand, ready to be put on any number of disks. */
export interface SystemSource {
  /** Where it comes from, for the log and the summary. */
  readonly origin: string;
  /** What it takes on a filesystem of this type. */
  requirement(type: FilesystemType): Requirement;
  /** Makes the filesystem on `device` with the system in it, and mounts it. Destroys what the device held. */
  populate(device: string, filesystem: GuestFilesystem): Promise<PopulatedFilesystem & Owned>;
}

/** The system in a cached tar. */
export function fromTar(host: Host, tar: CheckedTar, cache: Cache, space: ScratchSpace): SystemSource & Owned {
  const { entry, manifest, file } = tar;
  return {
    origin: `cache ${entry.tarPath}`,
    requirement: (type) => requirementFor(manifest.tree, type),
    populate: async (device, filesystem) =>
      (await populateByImage(host, tar, { filesystem, cache, space }, device)) ??
      (await populateFresh(host, filesystem, device, (directory) => unpackOpenTar(host, file, directory))),
    [Symbol.asyncDispose]: () => file.close(),
  };
}

async function populateByImage(
  host: Host,
  tar: CheckedTar,
  site: ImageSite,
  device: string,
): Promise<(PopulatedFilesystem & Owned) | undefined> {
  await using image = await imageOf(host, tar, site, device);
  if (image === undefined) return undefined;
  await using stack = new ReleaseStack();
  const written = await host.log
    .phase("write the image of the system", () => writeImage(host, image, device))
    .catch(async (error: unknown) => {
      if (host.signal.aborted || !(error instanceof UnreadableImageError)) throw error;
      host.log.warn(
        `the image ${image.path} cannot be read (${error.message}): removed, and the tar is unpacked instead`,
      );
      await removeImage(host, image.path);
    });
  if (written === undefined) return undefined;
  const { uuid } = stack.use(written);
  const mounted = stack.use(await mountFilesystem(host, device, { type: site.filesystem.type, fresh: true }));
  const release = stack.move();
  return { ...mounted, uuid, [Symbol.asyncDispose]: () => release[Symbol.asyncDispose]() };
}

/** The system in a tree of scratch space, which `held` gives back. */
export async function fromScratch(
  host: Host,
  spec: SystemSpec,
  tree: string,
  held: ReleaseStack,
): Promise<SystemSource & Owned> {
  const size = await treeSize(host, tree);
  return {
    origin: `${spec.engine} from ${spec.mirror === "" ? "the default mirror" : spec.mirror}`,
    requirement: (type) => requirementFor(size, type),
    populate: (device, filesystem) =>
      populateFresh(host, filesystem, device, (directory) =>
        host.log.phase("copy the system", () => copyTree(host, tree, directory)),
      ),
    [Symbol.asyncDispose]: () => held[Symbol.asyncDispose](),
  };
}

// Peak of a minimal system: its packages are unpacked beside the downloaded ones.
const estimate = { bytes: 512 * 1024 * 1024, inodes: 20_000 };

/**
 * No scratch space was to be had: the system is bootstrapped on the disk itself, and cached from there where `keep` says
 * for which order.
 */
export function onDisk(
  host: Host,
  task: BootstrapTask,
  keep: SystemOrder | undefined,
  held: ReleaseStack,
): SystemSource & Owned {
  const { spec } = task;
  return {
    origin: `${spec.engine} on the disk itself`,
    requirement: (type) => requirementFor(estimate, type),
    populate: (device, filesystem) =>
      populateFresh(host, filesystem, device, async (directory) => {
        await bootstrapTree(host, task, { tree: directory, log: logBeside(directory), downloads: undefined });
        if (keep !== undefined) await (await publishOrWarn(host, keep, directory))?.file.close();
      }),
    [Symbol.asyncDispose]: () => held[Symbol.asyncDispose](),
  };
}

// Inside the tree, as debootstrap itself does it: it is removed when the tree is tidied.
function logBeside(tree: string): string {
  return join(tree, "debootstrap.log");
}
