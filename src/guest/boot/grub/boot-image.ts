/** Bytes of a boot sector, whatever the disk's own sectors are. */
export const sectorSize = 512;

// GRUB's include/grub/i386/pc/boot.h and include/grub/offsets.h say what the offsets mean.
/** The BIOS parameter block: kept, some BIOSes write to it. */
const bpb = { start: 0x03, end: 0x5a };
/** Where the boot sector finds the sector number (64 bits) of the core image. */
const kernelSector = 0x5c;
/** The drive to read from; 0xff: the one the BIOS started. */
const bootDrive = 0x64;
/** A jump around a workaround for BIOSes that give a wrong drive: two NOPs switch it on, as for every hard disk. */
const driveCheck = 0x66;
/** NT's disk signature and the partition table: kept. */
const tableArea = { start: 0x1b8, end: 0x1fe };
/** The core image's first sector ends with its list of blocks; the first entry stands last, its sector number (64 bits) first. */
const firstBlock = 0x1f4;

/** grub's boot.img made to load a core image at sector `coreSector`; table and signature are those of `current`. */
export function bootSector(bootImage: Uint8Array, current: Uint8Array, coreSector: number): Buffer {
  if (bootImage.length !== sectorSize) throw new Error(`boot.img has ${String(bootImage.length)} bytes`);
  const sector = Buffer.from(bootImage);
  for (const { start, end } of [bpb, tableArea]) sector.set(current.subarray(start, end), start);
  sector.writeBigUInt64LE(BigInt(coreSector), kernelSector);
  sector.writeUInt8(0xff, bootDrive);
  sector.writeUInt16LE(0x9090, driveCheck);
  return sector;
}

/**
 * grub-mkimage's core.img for consecutive sectors from `coreSector` on, padded to whole sectors: the sector that the
 * BIOS loads first is told where the rest begins (its length and address are already there).
 */
export function embeddedCore(coreImage: Uint8Array, coreSector: number): Buffer {
  const core = Buffer.alloc(Math.ceil(coreImage.length / sectorSize) * sectorSize);
  core.set(coreImage);
  core.writeBigUInt64LE(BigInt(coreSector + 1), firstBlock);
  return core;
}
