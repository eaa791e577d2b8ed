import { open, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { type Extent, layOutImage, mergeExtents, usedExtents } from "../../../../src/system-image/image/layout.ts";
import { temporaryDirectory } from "../../../fixtures/test-host.ts";

test("the used blocks are what no line of free blocks names", () => {
  const dump = `Group 0: (Blocks 0-9)
  Block bitmap at 2 (+2)
  Free blocks: 5-6, 9
  Free inodes: 12-20
Group 1: (Blocks 10-19)
  Free blocks: 
Group 2: (Blocks 20-29)
  Free blocks: 20, 22-29
`;
  expect(usedExtents(dump, 30)).toEqual([
    [0, 5],
    [7, 2],
    [10, 10],
    [21, 1],
  ]);
  expect(usedExtents("  Free blocks: 3\n", 6)).toEqual([
    [0, 3],
    [4, 2],
  ]);
});

test("gaps too small to be discarded become part of the extents", () => {
  const extents: Extent[] = [
    [0, 5],
    [7, 2],
    [12, 1],
    [20, 4],
  ];
  expect(mergeExtents(extents, 3)).toEqual([
    [0, 9],
    [12, 1],
    [20, 4],
  ]);
  expect(mergeExtents(extents, 4)).toEqual([
    [0, 13],
    [20, 4],
  ]);
  expect(extents[0]).toEqual([0, 5]);
});

describe("the layout of an image", () => {
  const blocks = 4096;

  async function layOut(dump: string, zero: readonly Extent[] = []) {
    const path = join(temporaryDirectory(), "raw");
    const raw = Buffer.alloc(blocks * 4096, 1);
    for (const [first, count] of zero) raw.fill(0, first * 4096, (first + count) * 4096);
    await writeFile(path, raw);
    const file = await open(path, "r");
    try {
      return await layOutImage(file, dump, blocks);
    } finally {
      await file.close();
    }
  }

  test("has all used blocks; a small gap between them is written with them, a large one is not", async () => {
    expect(await layOut("  Free blocks: 100-400, 1000-1511, 3000-4095\n")).toEqual({
      blocks: [
        [0, 1000],
        [1512, 1488],
      ],
      zeros: [],
    });
  });

  test("leaves out long runs of zeros", async () => {
    const zeros: Extent[] = [
      [10, 255],
      [300, 256],
      [1000, 900],
    ];
    expect(await layOut("  Free blocks: 1500-4095\n", zeros)).toEqual({
      blocks: [
        [0, 300],
        [556, 444],
      ],
      zeros: [
        [300, 256],
        [1000, 500],
      ],
    });
  });
});
