import { open, rm, rename, type FileHandle } from "node:fs/promises";
import { join } from "node:path";
import { dumpGroups, dumpSuperblock, extFeatures, reservedShare } from "../../filesystems/ext/dumpe2fs.ts";
import { makeFilesystem } from "../../filesystems/make.ts";
import { attachLoop } from "../../devices/attach/loop.ts";
import { mountFilesystem } from "../../filesystems/mount.ts";
import { type Owned, ReleaseStack } from "../../host/disposal.ts";
import { KnownError } from "../../host/errors.ts";
import type { Host } from "../../host/host.ts";
import { run } from "../../host/process/run.ts";
import { blocksPerGroup, imageBlockSize, type ImageGeometry } from "./geometry.ts";
import { type ImageHeader, packImage } from "./image-file.ts";
import { layOutImage, type ImageLayout } from "./layout.ts";
import type { GuestFilesystem } from "./fresh-filesystem.ts";
import type { CheckedTar } from "../cache/checked-tar.ts";
import { partialPath } from "../cache/partial-path.ts";
import { acquireScratch, diskPlace, type Scratch, type ScratchSpace } from "../cache/scratch.ts";
import { unpackOpenTar } from "../tree/tar.ts";

/** What depends on the size of the filesystem, or on what is added last, is left out of an image. */
const lateFeatures = ["has_journal", "orphan_file"] as const;

const groupBytes = blocksPerGroup * imageBlockSize;

/** The image that is to be made. */
export interface ImageTask {
  readonly filesystem: GuestFilesystem;
  readonly geometry: ImageGeometry;
  /** Where the filesystem is put together. */
  readonly space: ScratchSpace;
  /** The image's file. */
  readonly path: string;
}

/**
 * Makes the image of the filesystem that `tar` gives: the tree unpacked into a filesystem just large enough,
 * without a journal, checked, and reduced to its used blocks. The caller holds the system's lock.
 */
export async function buildImage(
  host: Host,
  tar: CheckedTar,
  { filesystem, geometry, space, path }: ImageTask,
): Promise<void> {
  await using stack = new ReleaseStack();
  const bytes = imageBytes(tar, geometry);
  const scratch = stack.use(await requireScratch(host, space, tar.entry.name, bytes));
  const raw = join(scratch.directory, "image");
  const late = await makeRawImage(host, filesystem, tar, geometry, { raw, bytes });
  const dump = await dumpGroups(host, raw);
  const partial = partialPath(path);
  const strikeOut = host.journal.record({ kind: "file", path: partial });
  stack.defer(async () => {
    await rm(partial, { force: true });
    strikeOut();
  });
  const facts = { tar: tar.manifest.sha256, bytes, blockSize: imageBlockSize, ...late };
  await pack(raw, partial, facts, (from) => layOutImage(from, dump, bytes / imageBlockSize));
  await rename(partial, path);
}

// Whole block groups, so that each has the number of inodes that mke2fs gives to the groups of a larger disk.
function imageBytes({ manifest }: CheckedTar, { inodeRatio }: ImageGeometry): number {
  const inodeTables = 256 / inodeRatio;
  const reservedDescriptors = 32 * 1024 * 1024;
  const bytes = (manifest.tree.bytes + reservedDescriptors) / (1 - inodeTables - 0.03);
  // mke2fs takes less than 512 MiB for a small disk, with other features in its mke2fs.conf.
  const minimum = 4 * groupBytes;
  const inodes = manifest.tree.inodes * 1.1 * inodeRatio;
  return Math.ceil(Math.max(bytes, minimum, inodes) / groupBytes) * groupBytes;
}

async function requireScratch(host: Host, space: ScratchSpace, name: string, bytes: number): Promise<Scratch & Owned> {
  const scratch = await acquireScratch(host, diskPlace(space, name), bytes);
  if (scratch === undefined) throw new KnownError("no scratch space for a filesystem image");
  return scratch;
}

async function makeRawImage(
  host: Host,
  { suite, bootloader }: GuestFilesystem,
  tar: CheckedTar,
  { type, inodeRatio }: ImageGeometry,
  { raw, bytes }: { readonly raw: string; readonly bytes: number },
): Promise<Pick<ImageHeader, "lateFeatures" | "reservedPercent">> {
  await createSparse(raw, bytes);
  {
    await using loop = await attachLoop(host, raw, { offset: 0, sizeLimit: 0 });
    const extra = ["-b", String(imageBlockSize), "-i", String(inodeRatio), "-E", `resize=${String(2 ** 32 - 1)}`];
    const options = { type, suite, bootloader, extra };
    await makeFilesystem(host, loop.device, options);
    const superblock = await dumpSuperblock(host, loop.device);
    const features = extFeatures(superblock);
    const reservedPercent = reservedShare(superblock);
    const late = lateFeatures.filter((feature) => features.has(feature));
    if (late.length > 0)
      await run(host, [
        "tune2fs",
        "-O",
        [...late]
          .reverse()
          .map((name) => `^${name}`)
          .join(","),
        loop.device,
      ]);
    {
      // The kernel takes an ext3 without its journal for an ext2 only.
      const mountType = type === "ext3" ? "ext2" : type;
      await using mounted = await mountFilesystem(host, loop.device, { type: mountType });
      await unpackOpenTar(host, tar.file, mounted.path);
    }
    // Also because resize2fs and tune2fs refuse a filesystem that was mounted since its last check.
    await run(host, ["e2fsck", "-f", "-y", loop.device], { accept: [0, 1] });
    return { lateFeatures: late, reservedPercent };
  }
}

async function pack(
  raw: string,
  partial: string,
  facts: Omit<ImageHeader, keyof ImageLayout>,
  layOut: (from: FileHandle) => Promise<ImageLayout>,
): Promise<void> {
  await rm(partial, { force: true });
  const from = await open(raw, "r");
  try {
    const to = await open(partial, "wx", 0o644);
    try {
      await to.chmod(0o644);
      await packImage(from, to, { ...facts, ...(await layOut(from)) });
      await to.sync();
    } finally {
      await to.close();
    }
  } finally {
    await from.close();
  }
}

async function createSparse(path: string, bytes: number): Promise<void> {
  const file: FileHandle = await open(path, "wx", 0o600);
  try {
    await file.truncate(bytes);
  } finally {
    await file.close();
  }
}
