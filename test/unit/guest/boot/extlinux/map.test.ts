import { describe, expect, test } from "vitest";
import { moveLoader } from "../../../../../src/guest/boot/extlinux/map.ts";

const magic = 0x3eb202fe;
const dataSectors = 4;
const mapAt = 0x40;
const extentsAt = 0x80;
const extentCount = 3;
const advAt = 0x70;

/** A loader of four sectors and two for its data, laid out as syslinux 6 does it, with a right checksum. */
function loader(): Buffer {
  const bytes = Buffer.alloc((dataSectors + 2) * 512, 0x5a);
  bytes.writeUInt32LE(magic, 0x18);
  bytes.writeUInt16LE(dataSectors, 0x18 + 8);
  bytes.writeUInt16LE(2, 0x18 + 10);
  bytes.writeUInt32LE((dataSectors * 512) / 4, 0x18 + 12);
  bytes.writeUInt16LE(mapAt, 0x18 + 22);
  for (const [index, value] of [advAt, 0, 0, 0, 0, extentsAt, extentCount, 0x11a, 0x120].entries()) {
    bytes.writeUInt16LE(value, mapAt + index * 2);
  }
  bytes.writeUInt32LE(0, 0x18 + 16);
  bytes.writeUInt32LE((magic - wordSum(bytes)) >>> 0, 0x18 + 16);
  return bytes;
}

function wordSum(bytes: Buffer): number {
  let sum = 0;
  for (let at = 0; at < dataSectors * 512; at += 4) sum = (sum + bytes.readUInt32LE(at)) >>> 0;
  return sum;
}

const bootSector = Buffer.alloc(512, 0xb0);
const sectors = [1000, 1001, 1002, 5000, 5001, 9000];

describe("the map of a loader that was moved", () => {
  const moved = moveLoader(loader(), bootSector, sectors)!;

  test("begins in the boot sector, which is otherwise unchanged", () => {
    expect(moved.bootSector.readUInt32LE(0x11a)).toBe(1000);
    expect(moved.bootSector.readUInt32LE(0x120)).toBe(0);
    const restored = Buffer.from(moved.bootSector);
    restored.fill(0xb0, 0x11a, 0x11e).fill(0xb0, 0x120, 0x124);
    expect(restored).toEqual(bootSector);
  });

  test("goes on in extents of consecutive sectors, the rest of the list empty", () => {
    const list = Array.from({ length: extentCount }, (_, index) => {
      const at = extentsAt + index * 10;
      return [moved.loader.readBigUInt64LE(at), moved.loader.readUInt16LE(at + 8)];
    });
    expect(list).toEqual([
      [1001n, 2],
      [5000n, 1],
      [0n, 0],
    ]);
  });

  test("names the two sectors behind it", () => {
    expect([0, 8].map((at) => moved.loader.readBigUInt64LE(advAt + at))).toEqual([5001n, 9000n]);
  });

  test("has a right checksum: all words add up to the magic number", () => {
    expect(wordSum(moved.loader)).toBe(magic);
  });

  test("takes sectors beyond 2 TiB", () => {
    const far = sectors.map((sector) => sector + 2 ** 33);
    const { bootSector: boot } = moveLoader(loader(), bootSector, far)!;
    expect([boot.readUInt32LE(0x11a), boot.readUInt32LE(0x120)]).toEqual([1000, 2]);
  });
});

describe("a loader is left alone", () => {
  test("when it is none that is known", () => {
    expect(moveLoader(Buffer.alloc(3072), bootSector, sectors)).toBeUndefined();
  });

  test("when its own checksum is wrong", () => {
    const damaged = loader();
    damaged.writeUInt8(0, 700);
    expect(moveLoader(damaged, bootSector, sectors)).toBeUndefined();
  });

  test("when its places lie outside of it or of the boot sector", () => {
    for (const at of [mapAt, mapAt + 10, mapAt + 14]) {
      const strange = loader();
      const difference = 0xfff0 - strange.readUInt16LE(at);
      strange.writeUInt16LE(0xfff0, at);
      // Kept right, so that nothing but the place is wrong.
      const word = at % 4 === 0 ? difference : difference * 2 ** 16;
      strange.writeUInt32LE((strange.readUInt32LE(0x28) - word) >>> 0, 0x28);
      expect(moveLoader(strange, bootSector, sectors)).toBeUndefined();
    }
  });

  test("when it lies in more pieces than its list takes, or is not all there", () => {
    expect(moveLoader(loader(), bootSector, sectors.slice(0, 5))).toBeUndefined();
    const long = loader();
    const scattered = [1, 3, 5, 7, 9, 11];
    expect(moveLoader(long, bootSector, scattered)).toBeDefined();
    long.writeUInt16LE(2, mapAt + 12);
    long.writeUInt32LE((long.readUInt32LE(0x28) + 1) >>> 0, 0x28);
    expect(moveLoader(long, bootSector, scattered)).toBeUndefined();
  });
});
