import { describe, expect, test } from "vitest";
import { embeddingArea } from "../../../../../src/guest/boot/grub/bios.ts";
import { bootSector, embeddedCore } from "../../../../../src/guest/boot/grub/boot-image.ts";
import { partitionTypes } from "../../../../../src/devices/partitions/plan.ts";
import type { Partition, PartitionTable } from "../../../../../src/devices/partitions/table.ts";

// The two bytes a disk with another content would show at each place.
const filled = (byte: number, length = 512): Buffer => Buffer.alloc(length, byte);

describe("grub's boot sector", () => {
  const sector = bootSector(filled(0xb0), filled(0xcc), 2048);

  test("keeps the parameter block, the disk's signature and the partition table", () => {
    expect(sector.subarray(0x03, 0x5a)).toEqual(filled(0xcc, 0x57));
    expect(sector.subarray(0x1b8, 0x1fe)).toEqual(filled(0xcc, 0x46));
  });

  test("is grub's everywhere else, and leads to the core image on the disk the BIOS started", () => {
    expect(sector.readBigUInt64LE(0x5c)).toBe(2048n);
    expect(sector[0x64]).toBe(0xff);
    expect(sector.subarray(0x66, 0x68)).toEqual(filled(0x90, 2));
    for (const place of [0x00, 0x5a, 0x65, 0x68, 0x1b7, 0x1fe]) expect(sector[place]).toBe(0xb0);
  });

  test("is refused for an image of another size", () => {
    expect(() => bootSector(filled(0, 440), filled(0), 1)).toThrow("440 bytes");
  });
});

test("grub's core image says where its second sector lies, and ends with a whole sector", () => {
  const image = filled(0x33, 1300);
  const core = embeddedCore(image, 1);
  expect(core.length).toBe(1536);
  expect(core.readBigUInt64LE(0x1f4)).toBe(2n);
  expect(core.subarray(0, 0x1f4)).toEqual(image.subarray(0, 0x1f4));
  expect(core.subarray(0x1fc, 1300)).toEqual(image.subarray(0x1fc));
  expect(core.subarray(1300)).toEqual(filled(0, 236));
});

describe("the place for grub's core image", () => {
  const partition = (startSector: number, sectors: number, type: string): Partition => ({
    number: 1,
    startSector,
    sectors,
    type,
    bootable: false,
  });
  const table = (style: "msdos" | "gpt", partitions: readonly Partition[], sectorSize = 512): PartitionTable => ({
    style,
    id: "",
    sectorSize,
    partitions,
  });

  test("is the gap behind the boot sector on msdos", () => {
    expect(embeddingArea(table("msdos", [partition(2048, 4096, "83")]))).toEqual({ start: 1, sectors: 2047 });
  });

  test("is the BIOS boot partition on gpt", () => {
    const partitions = [
      partition(2048, 2048, partitionTypes.biosBoot),
      partition(4096, 4096, partitionTypes.linuxData),
    ];
    expect(embeddingArea(table("gpt", partitions))).toEqual({ start: 2048, sectors: 2048 });
    expect(() => embeddingArea(table("gpt", partitions.slice(1)))).toThrow("no BIOS boot partition");
  });
});
