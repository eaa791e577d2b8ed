import { expect, test } from "vitest";
import { planPartitions } from "../../../../src/devices/partitions/plan.ts";

const gib = 1024 ** 3;

function extents(plan: ReturnType<typeof planPartitions>): readonly (readonly number[])[] {
  return plan.partitions.map(({ startSector, sectors }) => [startSector, startSector + sectors]);
}

test.each([
  [512, 2048, [[2048, 2097152]]],
  [512, 63, [[63, 2097152]]],
  [4096, 256, [[256, 262144]]],
])("msdos with %i-byte sectors aligned to %i fills the disk", (sectorSize, alignment, expected) => {
  expect(extents(planPartitions({ sizeBytes: gib, sectorSize }, { style: "msdos", alignment }))).toEqual(expected);
});

test.each([
  [
    512,
    2048,
    [
      [2048, 4096],
      [4096, 135168],
      [135168, 2097152 - 33],
    ],
  ],
  [
    4096,
    256,
    [
      [256, 512],
      [512, 16896],
      [16896, 262144 - 5],
    ],
  ],
  // The table and its entries take the first 34 sectors.
  [
    512,
    1,
    [
      [34, 2082],
      [2082, 133154],
      [133154, 2097152 - 33],
    ],
  ],
  [
    512,
    63,
    [
      [63, 2111 + 31],
      [2142, 133214 + 31],
      [133245, 2097152 - 33],
    ],
  ],
])("gpt with %i-byte sectors aligned to %i leaves the root last", (sectorSize, alignment, expected) => {
  const plan = planPartitions({ sizeBytes: gib, sectorSize }, { style: "gpt", alignment });
  expect(plan.partitions.map(({ number }) => number)).toEqual([1, 2, 3]);
  const starts = extents(plan).map(([start]) => start);
  expect(starts).toEqual(expected.map(([start]) => start));
  expect(extents(plan).at(-1)).toEqual(expected.at(-1));
  expect(starts.every((start) => (start ?? 0) % alignment === 0)).toBe(true);
});

test("msdos ends at 2 TiB and says that it leaves some of the disk", () => {
  const plan = planPartitions({ sizeBytes: 3 * 1024 * gib, sectorSize: 512 }, { style: "msdos", alignment: 2048 });
  expect(extents(plan)).toEqual([[2048, 2 ** 32 - 1]]);
  expect(plan.truncated).toBe(true);
});

test("msdos on 4096-byte sectors reaches beyond 2 TiB", () => {
  const plan = planPartitions({ sizeBytes: 3 * 1024 * gib, sectorSize: 4096 }, { style: "msdos", alignment: 256 });
  expect(plan.truncated).toBe(false);
});

test("an alignment that leaves grub no room is refused where grub is wanted", () => {
  const disk = { sizeBytes: gib, sectorSize: 512 };
  expect(() => planPartitions(disk, { style: "msdos", alignment: 63, bootLoader: "grub" })).toThrow(
    /32256 bytes .* too little for grub/,
  );
  expect(() => planPartitions(disk, { style: "msdos", alignment: 289, bootLoader: "grub" })).not.toThrow();
  expect(() => planPartitions(disk, { style: "msdos", alignment: 63, bootLoader: "extlinux" })).not.toThrow();
  expect(() => planPartitions(disk, { style: "gpt", alignment: 63, bootLoader: "grub" })).not.toThrow();
});

test.each([0, -1, 1.5, Number.NaN])("the alignment %d is refused", (alignment) => {
  expect(() => planPartitions({ sizeBytes: gib, sectorSize: 512 }, { style: "msdos", alignment })).toThrow(
    /not a number of sectors/,
  );
});

test.each([
  ["msdos", 10],
  ["gpt", 80],
] as const)("a disk too small for %s is refused with its size", (style, mib) => {
  const disk = { sizeBytes: mib * 1024 ** 2, sectorSize: 512 };
  expect(() => planPartitions(disk, { style, alignment: 2048 })).toThrow(
    `${String(mib)} MiB is too small for a ${style} table`,
  );
});

test("the EFI system partition has 64 MiB", () => {
  const plan = planPartitions({ sizeBytes: gib, sectorSize: 512 }, { style: "gpt", alignment: 2048 });
  expect(plan.partitions[1]?.sectors).toBe(131072);
});
