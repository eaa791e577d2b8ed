import * as z from "zod/mini";
import { type FilesystemFacts, filesystemSchema } from "../../filesystems/families.ts";
import { bytes, label, powerOfTwo, uuid, word } from "../../filesystems/facts.ts";
import { KnownError } from "../../host/errors.ts";

/** The program that writes a stream, as its manifest says: for people, never interpreted. */
export const toolName = "ganeti-instance-debootstrap 1.0.0";

/** Name of the first member of a stream. */
export const manifestName = ".ganeti-instance-debootstrap/manifest.json";
/** Version of a stream with a tree, raw pieces or swap space. */
export const manifestVersion = 1;
/** Version of a stream with the blocks of a filesystem: other members, other checksums. */
export const imageVersion = 2;
/** Largest manifest that is read, in bytes. */
export const manifestLimit = 1024 * 1024;

const sectors = bytes;

/** A partition of the exported disk, in sectors of `layout.sectorSize`. */
export const partitionSchema = z.object({
  number: z.int().check(z.minimum(1), z.maximum(128)),
  start: sectors,
  sectors,
  /** msdos: hexadecimal; gpt: GUID, as sfdisk(8) writes them. */
  type: word,
  uuid: z.optional(word),
  name: z.optional(label),
  attributes: z.optional(z.string().check(z.maxLength(255), z.regex(/^[\w:, ]*$/))),
  bootable: z.boolean(),
  /** `tree`: below `root/`; `image`: pieces below `partitions/NUMBER/`. */
  content: z.enum(["tree", "image"]),
});

/** Where the filesystem lies on the disk. */
export const layoutSchema = z.discriminatedUnion("style", [
  z.object({ style: z.literal("none") }),
  z.object({
    style: z.enum(["msdos", "gpt"]),
    sectorSize: powerOfTwo,
    /** msdos: 0x and eight digits; gpt: GUID. */
    id: word,
    partitions: z.array(partitionSchema).check(z.minLength(1), z.maxLength(128)),
  }),
]);
export type DiskLayout = z.infer<typeof layoutSchema>;
export type LayoutPartition = z.infer<typeof partitionSchema>;

/** The first member of a stream: what the disk was, and what follows. See docs/export-format.md. */
export const manifestSchema = z.object({
  format: z.literal("ganeti-instance-debootstrap"),
  version: z.union([z.literal(manifestVersion), z.literal(imageVersion)]),
  tool: z.string(),
  /** Seconds since 1970; also the modification time of the members that are not the guest's. */
  created: z.int().check(z.nonnegative()),
  instance: z.string(),
  disk: z.object({
    index: z.int().check(z.nonnegative()),
    /** `raw` for what is not a tree: pieces of the whole disk below `raw/`. */
    role: z.enum(["root", "data", "swap", "raw"]),
    bytes,
    sectorSize: powerOfTwo,
  }),
  layout: z.optional(layoutSchema),
  filesystem: z.optional(filesystemSchema),
  /** What the tree takes: bytes in blocks of the filesystem, and files of any kind. */
  used: z.optional(z.object({ bytes, inodes: bytes })),
  /** The filesystem's blocks instead of a tree: version 2. */
  image: z.optional(
    z.object({
      /** Size of the filesystem. */
      bytes: bytes.check(z.minimum(64 * 1024), z.maximum(2 ** 49)),
      /** Offsets and lengths are multiples of it. */
      blockSize: powerOfTwo.check(z.minimum(1024)),
      /** Whether the guest's journal is still to be replayed, in the restored copy. */
      journal: z.enum(["clean", "unreplayed"]),
      /** Bytes of `used-blocks`. */
      usedBlocks: bytes,
    }),
  ),
  swap: z.optional(z.object({ uuid: z.optional(uuid), label: z.optional(label), bytes })),
  raw: z.optional(z.object({ reason: z.string() })),
  /** Bytes of `boot-area.bin`, the disk before its first partition; absent without one. */
  bootArea: z.optional(bytes),
  /** Bytes of `boot-block.bin`, what a boot loader may have put before the filesystem's superblock; absent without one. */
  bootBlock: z.optional(bytes),
  /** Bytes of `inode-flags`; absent without one. */
  inodeFlags: z.optional(bytes),
  /** What is not in the stream, for a reader. */
  notes: z.array(z.string()),
});
export type Manifest = z.infer<typeof manifestSchema>;

const headSchema = z.object({ format: z.literal("ganeti-instance-debootstrap"), version: z.int().check(z.positive()) });

/** The manifest as the bytes of its member. */
export function encodeManifest(manifest: Manifest): Buffer {
  return Buffer.from(`${JSON.stringify(manifest, undefined, 2)}\n`);
}

/** Reads a manifest. Throws KnownError for one that is damaged, of a later version, or contradicts itself. */
export function decodeManifest(content: Buffer): Manifest {
  const json = parseJson(content);
  const head = headSchema.safeParse(json);
  if (!head.success) throw new KnownError("the stream's manifest is not one of ganeti-instance-debootstrap");
  if (head.data.version > imageVersion) throw laterVersion(head.data.version);
  const parsed = manifestSchema.safeParse(json);
  if (!parsed.success) throw new KnownError(`the stream's manifest is damaged: ${problems(parsed.error.issues)}`);
  requireConsistent(parsed.data);
  return parsed.data;
}

function parseJson(content: Buffer): unknown {
  try {
    return JSON.parse(content.toString());
  } catch (cause) {
    throw new KnownError("the stream's manifest is damaged: it is no JSON", { cause });
  }
}

function laterVersion(version: number): KnownError {
  return new KnownError(
    `the stream has version ${String(version)}, but this program reads up to ${String(imageVersion)}`,
    { hint: "upgrade ganeti-instance-debootstrap on this node and import again" },
  );
}

function problems(issues: readonly z.core.$ZodIssue[]): string {
  return issues.map(({ path, message }) => `${path.join(".")}: ${message}`).join("; ");
}

function requireConsistent(manifest: Manifest): void {
  const { version, disk, layout, filesystem, used, image, swap, raw } = manifest;
  const isTree = disk.role === "root" || disk.role === "data";
  if (isTree !== (layout !== undefined && filesystem !== undefined && used !== undefined))
    throw contradiction("layout");
  if ((version === imageVersion) !== (image !== undefined) || (image !== undefined && !isTree))
    throw contradiction("image");
  if (image !== undefined && (filesystem === undefined || !isOwnSize(image, filesystem))) throw contradiction("image");
  if ((disk.role === "swap") !== (swap !== undefined)) throw contradiction("swap");
  if ((disk.role === "raw") !== (raw !== undefined)) throw contradiction("raw");
  if (layout !== undefined && layout.style !== "none") requireConsistentTable(layout.partitions);
}

// Only ext2, ext3 and ext4 come as images.
function isOwnSize({ bytes, blockSize }: NonNullable<Manifest["image"]>, filesystem: FilesystemFacts): boolean {
  return "blocks" in filesystem && blockSize === filesystem.blockSize && bytes === filesystem.blocks * blockSize;
}

function requireConsistentTable(partitions: readonly LayoutPartition[]): void {
  if (partitions.filter(({ content }) => content === "tree").length !== 1) throw contradiction("partitions");
  const byStart = [...partitions].sort((a, b) => a.start - b.start);
  let free = 1;
  for (const { start, sectors: length } of byStart) {
    if (start < free || length === 0) throw contradiction("partitions");
    free = start + length;
  }
  if (new Set(partitions.map(({ number }) => number)).size !== partitions.length) throw contradiction("partitions");
}

function contradiction(what: string): KnownError {
  return new KnownError(`the stream's manifest is damaged: it contradicts itself about ${what}`);
}

/** The largest gap before the first partition that is kept as a boot area; boot loaders use less than 1 MiB. */
export const bootAreaLimit = 16 * 1024 * 1024;
