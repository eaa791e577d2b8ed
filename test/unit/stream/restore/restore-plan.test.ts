import { describe, expect, it } from "vitest";
import type { Disk } from "../../../../src/devices/disk.ts";
import type { DiskLayout, Manifest } from "../../../../src/stream/format/manifest.ts";
import { planRestore } from "../../../../src/stream/restore/restore-plan.ts";

const mebibyte = 1024 ** 2;

function disk(mib: number, sectorSize = 512): Disk {
  const path = "/dev/test";
  return { path, realPath: path, device: path, kind: "block", sizeBytes: mib * mebibyte, sectorSize, readOnly: false };
}

const msdos: DiskLayout = {
  style: "msdos",
  sectorSize: 512,
  id: "0x5eed1234",
  partitions: [
    { number: 1, start: 2048, sectors: 260096, type: "83", uuid: "5eed1234-01", bootable: true, content: "tree" },
  ],
};

const gpt: DiskLayout = {
  style: "gpt",
  sectorSize: 512,
  id: "11111111-2222-4333-8444-555555555555",
  partitions: [
    { number: 1, start: 2048, sectors: 2048, type: "BIOS", uuid: "a", bootable: false, content: "image" },
    {
      number: 3,
      start: 4096,
      sectors: 200000,
      type: "ROOT",
      uuid: "b",
      bootable: false,
      content: "tree",
      attributes: "LegacyBIOSBootable",
    },
  ],
};

function manifest(layout: DiskLayout, usedMib = 20): Manifest {
  return {
    format: "ganeti-instance-debootstrap",
    version: 1,
    tool: "test",
    created: 1,
    instance: "guest",
    disk: { index: 0, role: "root", bytes: 128 * mebibyte, sectorSize: 512 },
    layout,
    filesystem: {
      type: "ext4",
      uuid: "u",
      label: "",
      blockSize: 4096,
      inodeSize: 256,
      inodes: 8192,
      blocks: 32768,
      reservedBlocks: 0,
      features: [],
      mountOptions: [],
    },
    used: { bytes: usedMib * mebibyte, inodes: 100 },
    notes: [],
  };
}

describe("planRestore", () => {
  it("takes the whole disk for a filesystem without a table", () => {
    const plan = planRestore(disk(64), manifest({ style: "none" }), false);
    expect(plan).toMatchObject({ table: undefined, tree: { start: 0, end: 64 * mebibyte } });
  });

  it.each([64, 128, 4096])("lets the last partition end with a msdos disk of %i MiB", (mib) => {
    const { partition, table } = planRestore(disk(mib), manifest(msdos), false);
    expect(partition).toMatchObject({
      startSector: 2048,
      sectors: mib * 2048 - 2048,
      bootable: true,
      uuid: "5eed1234-01",
    });
    expect(table?.id).toBe("0x5eed1234");
  });

  it("leaves room for the second table of gpt, and keeps what serves the boot", () => {
    const { partition, images, table } = planRestore(disk(96), manifest(gpt), false);
    expect(partition).toMatchObject({ sectors: 96 * 2048 - 33 - 4096, attributes: "LegacyBIOSBootable", uuid: "b" });
    expect(images).toEqual(new Map([[1, { start: mebibyte, end: 2 * mebibyte }]]));
    expect(table?.partitions).toHaveLength(2);
  });

  it("does not use more of a msdos disk than its table can say", () => {
    const huge = { ...disk(1), sizeBytes: 3 * 1024 ** 4 };
    expect(planRestore(huge, manifest(msdos), false).partition?.sectors).toBe(2 ** 32 - 1 - 2048);
  });

  it("keeps the size of a tree's partition that others follow", () => {
    const [bios, root] = gpt.partitions;
    const layout = { ...gpt, partitions: [root!, { ...bios!, start: 300000 }] };
    expect(planRestore(disk(500), manifest(layout), false).partition?.sectors).toBe(200000);
    expect(() => planRestore(disk(100), manifest(layout), false)).toThrow(/too small/);
  });

  it("tells which identifiers are new", () => {
    const { table, identifiers } = planRestore(disk(96), manifest(gpt), true);
    expect(identifiers.map(([before]) => before)).toEqual([gpt.id.toLowerCase(), "a", "b"]);
    expect(identifiers[0]?.[1]).toBe(table?.id.toLowerCase());
    expect(planRestore(disk(96), manifest(msdos), true).identifiers).toEqual([
      ["5eed1234", expect.stringMatching(/^[0-9a-f]{8}$/) as string],
      ["0x5eed1234", expect.stringMatching(/^0x[0-9a-f]{8}$/) as string],
      ["5eed1234-01", expect.stringMatching(/^[0-9a-f]{8}-01$/) as string],
    ]);
  });

  it("refuses a disk that is too small, with sizes, and other sectors", () => {
    expect(() => planRestore(disk(64), manifest(msdos, 80), false)).toThrow(/too small.* 64 MiB, and about [\d.]+ MiB/);
    expect(() => planRestore(disk(1), manifest(msdos), false)).toThrow(/too small/);
    expect(() => planRestore(disk(64, 4096), manifest(msdos), false)).toThrow(/sectors of 4096 bytes/);
  });

  it("takes any tree back onto a disk as large as it came from", () => {
    expect(planRestore(disk(128), manifest({ style: "none" }, 127), false).tree.end).toBe(128 * mebibyte);
    expect(() => planRestore(disk(127), manifest({ style: "none" }, 127), false)).toThrow(/too small/);
  });

  it("refuses partitions on top of their own table", () => {
    const layout = {
      ...gpt,
      partitions: gpt.partitions.map((each, index) => ({ ...each, start: index === 0 ? 10 : each.start })),
    };
    expect(() => planRestore(disk(96), manifest(layout), false)).toThrow(/overlap their table/);
  });
});
