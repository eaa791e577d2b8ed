import { open, type FileHandle } from "node:fs/promises";
import { capture } from "../../../host/process/run.ts";
import type { Host } from "../../../host/host.ts";
import { mapSectorSize, moveLoader } from "./map.ts";

/** Where extlinux and syslinux are installed by their packages and manuals. */
const directories = ["/boot/extlinux", "/extlinux", "/boot/syslinux", "/syslinux", "/boot", ""];
/** Far more than any version's loader has. */
const maxBlocks = 1024;

/**
 * extlinux knows its loader by block numbers, which a restored file no longer has: tells the boot sector of the ext2,
 * ext3 or ext4 filesystem on `device` (not mounted) and the loader where its blocks are now. Nothing is done where the
 * boot sector is not syslinux's. A loader that cannot be told is warned about, since only its own installer can help.
 */
export async function mendExtlinux(host: Host, device: string): Promise<void> {
  const disk = await open(device, "r+");
  try {
    const bootSector = await readAt(disk, 0, mapSectorSize);
    if (!isSyslinux(bootSector)) return;
    if (!(await mendLoader(host, device, disk, bootSector))) {
      host.log.warn(
        "the guest starts by extlinux, which could not be fitted to its new disk: run extlinux --install /boot/extlinux in a rescue system",
      );
    }
    await disk.sync();
  } finally {
    await disk.close();
  }
}

function isSyslinux(bootSector: Buffer): boolean {
  return ["SYSLINUX", "EXTLINUX"].includes(bootSector.toString("latin1", 3, 11));
}

async function mendLoader(host: Host, device: string, disk: FileHandle, bootSector: Buffer): Promise<boolean> {
  const blockSize = await blockSizeOf(disk);
  const blocks = await loaderBlocks(host, device);
  if (blocks.length === 0 || blocks.includes(0)) return false;
  const pieces = await Promise.all(blocks.map((block) => readAt(disk, block * blockSize, blockSize)));
  const perBlock = blockSize / mapSectorSize;
  const sectors = blocks.flatMap((block) => Array.from({ length: perBlock }, (_, index) => block * perBlock + index));
  const moved = moveLoader(Buffer.concat(pieces), bootSector, sectors);
  if (moved === undefined) return false;
  for (const [index, block] of blocks.entries()) {
    await disk.write(moved.loader, index * blockSize, blockSize, block * blockSize);
  }
  await disk.write(moved.bootSector, 0, mapSectorSize, 0);
  return true;
}

// s_log_block_size of the superblock (ext4's Documentation/filesystems/ext4/super.rst).
async function blockSizeOf(disk: FileHandle): Promise<number> {
  const exponent = (await readAt(disk, 1024 + 24, 4)).readUInt32LE(0);
  return 1024 << Math.min(exponent, 6);
}

/** The blocks of the loader in their order, none when there is no loader. */
async function loaderBlocks(host: Host, device: string): Promise<readonly number[]> {
  for (const directory of directories) {
    const path = `${directory}/ldlinux.sys`;
    const stat = await debugfs(host, device, [`stat ${path}`]);
    const size = Number(/\bSize: (\d+)/.exec(stat)?.[1] ?? 0);
    if (size === 0) continue;
    const blockSize = Number(
      /^Block size: +(\d+)$/m.exec(await debugfs(host, device, ["show_super_stats -h"]))?.[1] ?? 4096,
    );
    const count = Math.min(Math.ceil(size / blockSize), maxBlocks);
    const answer = await debugfs(
      host,
      device,
      Array.from({ length: count }, (_, index) => `bmap ${path} ${String(index)}`),
    );
    const blocks = answer.split("\n").flatMap((line) => (/^\d+$/.test(line) ? [Number(line)] : []));
    return blocks.length === count ? blocks : [];
  }
  return [];
}

async function debugfs(host: Host, device: string, requests: readonly string[]): Promise<string> {
  return await capture(host, ["debugfs", "-f", "-", device], { stdin: { text: `${requests.join("\n")}\n` } });
}

async function readAt(disk: FileHandle, position: number, length: number): Promise<Buffer> {
  const buffer = Buffer.alloc(length);
  await disk.read(buffer, 0, length, position);
  return buffer;
}
