/** Bytes of a sector in syslinux's maps, whatever the disk's own are. */
export const mapSectorSize = 512;

// The patch areas that syslinux 4 and later (libinstaller/syslxint.h) leave for its installers to fill.
const magic = 0x3e_b2_02_fe;
const area = { dataSectors: 8, advSectors: 10, dwords: 12, checksum: 16, extended: 22, size: 24 } as const;
const extended = { adv: 0, extents: 10, extentCount: 12, first: 14, firstHigh: 16, size: 20 } as const;
/** An extent: the first sector (64 bits) and their number (16 bits). */
const extentBytes = 10;

/** What is to be changed for a loader that was moved: the loader's own bytes and its boot sector. */
export interface MovedLoader {
  readonly loader: Buffer;
  readonly bootSector: Buffer;
}

/**
 * ldlinux.sys and the boot sector of its partition, with their maps set to `sectors`: where each sector of the loader now
 * lies, counted from the start of the partition. Undefined when this is no loader whose maps are understood (its own
 * checksum must be right as it is) or when there are too many pieces for its map.
 */
export function moveLoader(
  loader: Uint8Array,
  bootSector: Uint8Array,
  sectors: readonly number[],
): MovedLoader | undefined {
  const moved = Buffer.from(loader);
  const boot = Buffer.from(bootSector);
  const places = findPlaces(moved, boot.length);
  if (places === undefined || checksum(moved, places) !== moved.readUInt32LE(places.area + area.checksum)) {
    return undefined;
  }
  const dataSectors = moved.readUInt16LE(places.area + area.dataSectors);
  const advSectors = moved.readUInt16LE(places.area + area.advSectors);
  const [first, ...rest] = sectors;
  if (first === undefined || sectors.length < dataSectors + advSectors) return undefined;
  const extents = joinSectors(rest.slice(0, dataSectors - 1));
  if (extents.length > places.extentCount) return undefined;

  boot.writeUInt32LE(first % 2 ** 32, places.first);
  boot.writeUInt32LE(Math.floor(first / 2 ** 32), places.firstHigh);
  moved.fill(0, places.extents, places.extents + places.extentCount * extentBytes);
  for (const [index, { start, count }] of extents.entries()) {
    moved.writeBigUInt64LE(BigInt(start), places.extents + index * extentBytes);
    moved.writeUInt16LE(count, places.extents + index * extentBytes + 8);
  }
  // Its data for the next start (ADV) lies in two sectors behind it.
  for (const index of [0, 1]) {
    moved.writeBigUInt64LE(BigInt(sectors[dataSectors + index] ?? 0), places.adv + index * 8);
  }
  moved.writeUInt32LE(checksum(moved, places), places.area + area.checksum);
  return { loader: moved, bootSector: boot };
}

/** Offsets in the loader, and those in the boot sector (`first`, `firstHigh`). */
interface Places {
  readonly area: number;
  readonly dwords: number;
  readonly adv: number;
  readonly extents: number;
  readonly extentCount: number;
  readonly first: number;
  readonly firstHigh: number;
}

function findPlaces(loader: Buffer, bootBytes: number): Places | undefined {
  const mark = Buffer.alloc(4);
  mark.writeUInt32LE(magic);
  const at = loader.indexOf(mark);
  if (at < 0 || at + area.size > loader.length) return undefined;
  const more = loader.readUInt16LE(at + area.extended);
  if (more + extended.size > loader.length) return undefined;
  const field = (offset: number): number => loader.readUInt16LE(more + offset);
  const places = {
    area: at,
    dwords: loader.readUInt32LE(at + area.dwords),
    adv: field(extended.adv),
    extents: field(extended.extents),
    extentCount: field(extended.extentCount),
    first: field(extended.first),
    firstHigh: field(extended.firstHigh),
  };
  const fits =
    places.dwords * 4 <= loader.length &&
    places.adv + 16 <= loader.length &&
    places.extents + places.extentCount * extentBytes <= loader.length &&
    Math.max(places.first, places.firstHigh) + 4 <= bootBytes;
  return fits ? places : undefined;
}

// All 32-bit words and the checksum itself add up to the magic number.
function checksum(loader: Buffer, { area: at, dwords }: Places): number {
  let sum = magic;
  for (let word = 0; word < dwords; word++) {
    if (word * 4 !== at + area.checksum) sum = (sum - loader.readUInt32LE(word * 4)) >>> 0;
  }
  return sum;
}

function joinSectors(sectors: readonly number[]): readonly { readonly start: number; readonly count: number }[] {
  const extents: { start: number; count: number }[] = [];
  for (const sector of sectors) {
    const last = extents.at(-1);
    if (last !== undefined && last.start + last.count === sector && last.count < 0xffff) last.count++;
    else extents.push({ start: sector, count: 1 });
  }
  return extents;
}
