import { join } from "node:path";
import { type Owned, ReleaseStack } from "../host/disposal.ts";
import type { Host } from "../host/host.ts";
import { mountFilesystem } from "../filesystems/mount.ts";
import type { SystemSource } from "./acquire.ts";
import { bootstrapTree } from "./bootstrap/bootstrap.ts";
import type { CheckedTar } from "./cache/checked-tar.ts";
import { dropImage, imageOf } from "./image/trusted-image.ts";
import { UnreadableImageError } from "./image/image-file.ts";
import { writeImage } from "./image/write-image.ts";
import { type PopulatedFilesystem, populateFresh } from "./fresh-filesystem.ts";
import type { Archive } from "./archive/archive.ts";
import { publishOrWarn } from "./cache/publish.ts";
import { requirementFor } from "./disk-requirement.ts";
import { copyTree, treeSize, unpackOpenTar } from "./tree/tar.ts";
import type { Wanted } from "./cache/wanted-system.ts";

/** The system in a cached tar. */
export function fromTar(host: Host, wanted: Wanted, tar: CheckedTar): SystemSource & Owned {
  const { config, needs, folder } = wanted;
  return {
    origin: `cache ${folder.tar(tar.name)}`,
    requirement: requirementFor(tar.manifest.tree, config.filesystem),
    populate: async (device) =>
      (await populateByImage(host, wanted, tar, device)) ??
      (await populateFresh(host, config, needs, device, (directory) => unpackOpenTar(host, tar.file, directory))),
    [Symbol.asyncDispose]: () => tar.file.close(),
  };
}

async function populateByImage(
  host: Host,
  wanted: Wanted,
  tar: CheckedTar,
  device: string,
): Promise<(PopulatedFilesystem & Owned) | undefined> {
  await using image = await imageOf(host, wanted, tar, device);
  if (image === undefined) return undefined;
  await using stack = new ReleaseStack();
  const written = await host.log
    .phase("write the image of the system", () => writeImage(host, image, device))
    .catch(async (error: unknown) => {
      if (host.signal.aborted || !(error instanceof UnreadableImageError)) throw error;
      await dropImage(host, image.path, error);
    });
  if (written === undefined) return undefined;
  const { uuid } = stack.use(written);
  const mounted = stack.use(await mountFilesystem(host, device, { type: wanted.config.filesystem, fresh: true }));
  const release = stack.move();
  return { ...mounted, uuid, [Symbol.asyncDispose]: () => release[Symbol.asyncDispose]() };
}

/** The system in a tree of scratch space, which `held` gives back. */
export async function fromScratch(
  host: Host,
  { config, needs }: Wanted,
  tree: string,
  held: ReleaseStack,
): Promise<SystemSource & Owned> {
  return {
    origin: `${config.bootstrap} from ${config.mirror === "" ? "the default mirror" : config.mirror}`,
    requirement: requirementFor(await treeSize(host, tree), config.filesystem),
    populate: (device) =>
      populateFresh(host, config, needs, device, (directory) =>
        host.log.phase("copy the system", () => copyTree(host, tree, directory)),
      ),
    [Symbol.asyncDispose]: () => held[Symbol.asyncDispose](),
  };
}

// Peak of a minimal system: its packages are unpacked beside the downloaded ones.
const estimate = { bytes: 512 * 1024 * 1024, inodes: 20_000 };

/** No scratch space was to be had: the system is bootstrapped on the disk itself, and cached from there if `keep`. */
export function onDisk(
  host: Host,
  wanted: Wanted,
  archive: Archive,
  keep: boolean,
  held: ReleaseStack,
): SystemSource & Owned {
  const { config, needs } = wanted;
  return {
    origin: `${config.bootstrap} on the disk itself`,
    requirement: requirementFor(estimate, config.filesystem),
    populate: (device) =>
      populateFresh(host, config, needs, device, async (directory) => {
        await bootstrapTree(host, wanted, archive, {
          tree: directory,
          log: logBeside(directory),
          downloads: undefined,
        });
        if (keep) await (await publishOrWarn(host, wanted, directory))?.file.close();
      }),
    [Symbol.asyncDispose]: () => held[Symbol.asyncDispose](),
  };
}

// Inside the tree, as debootstrap itself does it: it is removed when the tree is tidied.
function logBeside(tree: string): string {
  return join(tree, "debootstrap.log");
}
