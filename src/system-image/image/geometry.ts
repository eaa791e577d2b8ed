import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import type { BlockDevice } from "../../devices/kernel/block-device.ts";
import { type ExtType, isExt } from "../../filesystems/ext/facts.ts";
import { filesystemArguments } from "../../filesystems/make.ts";
import { hasCode } from "../../host/errors.ts";
import type { Host } from "../../host/host.ts";
import { run } from "../../host/process/run.ts";
import type { GuestFilesystem } from "./fresh-filesystem.ts";

/** The filesystem an image holds: what must not differ from what mkfs would make on the target itself. */
export interface ImageGeometry {
  readonly type: ExtType;
  /** Arguments of mke2fs that fit it to the guest's age and boot loader. */
  readonly features: readonly string[];
  /** Bytes of disk for each inode. */
  readonly inodeRatio: number;
  /** The version of mke2fs as it tells it: what it does of itself. */
  readonly program: string;
  /** SHA-256 of mke2fs.conf: it says more (size of inodes, features, flags) than a dry run does. */
  readonly settings: string;
}

/** Images have this block size only: smaller ones belong to disks below 512 MiB, which are quickly filled by tar. */
export const imageBlockSize = 4096;

/** Blocks of a full block group: as many as one bitmap block has bits. */
export const blocksPerGroup = imageBlockSize * 8;

/** Largest device, in bytes, to whose size the image's reserved group descriptors let it grow. */
export const largestDevice = 15 * 2 ** 40;

// One inode in 16 kB of a 16.1 kB group still is the same ratio: mke2fs rounds to whole inode blocks and groups.
const tolerance = 0.15;

/** What mke2fs would make of a device. */
interface FilesystemPlan {
  readonly geometry: ImageGeometry;
  /** Arguments of tune2fs for what only this device asks for: hints for the allocator, where it tells of a RAID. */
  readonly tuning: readonly string[];
}

/** What is known of a device that may not exist yet, in bytes. */
export type DeviceFacts = Pick<BlockDevice, "sizeBytes" | "minimumIoBytes" | "optimalIoBytes"> & {
  readonly device: string;
};

/**
 * What mke2fs would choose for a device, asked from mke2fs itself (its choices depend on the size, on
 * /etc/mke2fs.conf and on its version); undefined where no image can stand for it.
 */
export async function planFilesystem(
  host: Host,
  { type, suite, bootloader }: GuestFilesystem,
  facts: DeviceFacts,
): Promise<FilesystemPlan | undefined> {
  if (!isExt(type)) return undefined;
  const features = filesystemArguments(type, suite, { bootloader });
  const where = place(facts);
  const { stdout, said } = await run(host, ["mke2fs", "-n", "-v", "-F", "-t", type, ...features, ...where]);
  const dryRun = parseDryRun(stdout);
  if (dryRun?.blockSize !== imageBlockSize) return undefined;
  const ratio = (dryRun.blocks * dryRun.blockSize) / dryRun.inodes;
  const inodeRatio = 2 ** Math.round(Math.log2(ratio));
  if (Math.abs(ratio / inodeRatio - 1) > tolerance) return undefined;
  const stripes = [
    ...(dryRun.stride === 0 ? [] : [`stride=${String(dryRun.stride)}`]),
    ...(dryRun.stripeWidth === 0 ? [] : [`stripe_width=${String(dryRun.stripeWidth)}`]),
  ];
  const program = /^mke2fs \d.*$/m.exec(said)?.[0] ?? "";
  return {
    geometry: { type, features, inodeRatio, program, settings: await settingsSha256() },
    tuning: stripes.length === 0 ? [] : ["-E", stripes.join(",")],
  };
}

// No other file: our commands do not inherit a MKE2FS_CONFIG.
const settingsFile = "/etc/mke2fs.conf";

/** Without the file mke2fs has settings of its own, as with an empty one. */
async function settingsSha256(): Promise<string> {
  const bytes = await readFile(settingsFile).catch((error: unknown) => {
    if (hasCode(error, "ENOENT")) return "";
    throw error;
  });
  return createHash("sha256").update(bytes).digest("hex");
}

// On the device only where it has more to tell than its size: even a dry run flushes it, and that waits for all that
// others write to the same storage.
function place({ device, sizeBytes, minimumIoBytes, optimalIoBytes }: DeviceFacts): readonly string[] {
  if (minimumIoBytes > imageBlockSize || optimalIoBytes > imageBlockSize) return [device];
  return ["/dev/null", `${String(Math.floor(sizeBytes / 1024))}k`];
}

/** Reads what `mke2fs -n -v` says. Stride and stripe width in blocks. */
export function parseDryRun(
  text: string,
): { blocks: number; blockSize: number; inodes: number; stride: number; stripeWidth: number } | undefined {
  const blockSize = /^Block size=(\d+) /m.exec(text)?.[1];
  const counts = /^(\d+) inodes, (\d+) blocks$/m.exec(text);
  const stripes = /^Stride=(\d+) blocks, Stripe width=(\d+) blocks$/m.exec(text);
  if (blockSize === undefined || counts === null || stripes === null) return undefined;
  return {
    blocks: Number(counts[2]),
    blockSize: Number(blockSize),
    inodes: Number(counts[1]),
    stride: Number(stripes[1]),
    stripeWidth: Number(stripes[2]),
  };
}

/** Raised when images are made in another way. */
const format = 5;

/** Tells the images of one tar apart: a part of their names. */
export function imageVariant(tarSha256: string, geometry: ImageGeometry): string {
  const hash = createHash("sha256")
    .update(JSON.stringify([format, tarSha256, geometry]))
    .digest("hex");
  return `${geometry.type}-${hash.slice(0, 10)}`;
}
