import { open, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import {
  type Extent,
  fileExtents,
  layOutImage,
  mergeExtents,
  roomToGrow,
  usedExtents,
} from "../../../../src/system-image/image/layout.ts";
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

async function* lines(text: string): AsyncGenerator<string> {
  await Promise.resolve();
  yield* text.split("\n");
}

describe("the extents of files", () => {
  test("are what debugfs prints of leaves, without what is unwritten, each once", async () => {
    const answers = `debugfs: ex -l <333>
Level Entries       Logical        Physical Length Flags
 0/ 0   1/  2     0 -     0  34461 -  34461      1 
 0/ 0   2/  2     1 -     3  34463 -  34465      3 Uninit
debugfs: ex -l <12>
Level Entries       Logical        Physical Length Flags
 1/ 1   1/340     0 - 10239 100000 - 110239  10240 
 0/ 1   1/  1     0 - 99999  90000 - 189999 100000 
debugfs: ex -l <334>
Level Entries       Logical        Physical Length Flags
 0/ 0   1/  1     0 -     0  34462 -  34462      1 
debugfs: ex -l <333>
Level Entries       Logical        Physical Length Flags
 0/ 0   1/  2     0 -     0  34461 -  34461      1 
 0/ 0   2/  2     1 -     3  34463 -  34465      3 Uninit
debugfs: ex -l <5>
`;
    expect(await fileExtents(lines(answers))).toEqual([
      [34461, 2],
      [100_000, 10_240],
    ]);
  });

  test("are none where there are none", async () => {
    expect(await fileExtents(lines("debugfs: ex -l <12>\n"))).toEqual([]);
  });
});

describe("the layout of an image", () => {
  const blocks = 4096;

  async function layOut(dump: string, files: readonly Extent[], zero: readonly Extent[] = []) {
    const path = join(temporaryDirectory(), "raw");
    const raw = Buffer.alloc(blocks * 4096, 1);
    for (const [first, count] of zero) raw.fill(0, first * 4096, (first + count) * 4096);
    await writeFile(path, raw);
    const file = await open(path, "r");
    try {
      return await layOutImage(file, dump, blocks, files);
    } finally {
      await file.close();
    }
  }

  test("takes for contents only whole units of 2 MiB that files hold alone", async () => {
    const files: Extent[] = [
      [500, 600],
      [1536, 511],
      [2048, 512],
      [3000, 1096],
    ];
    expect(await layOut("", files)).toEqual({
      structure: [
        [0, 512],
        [1024, 1024],
        [2560, 512],
      ],
      contents: [
        [512, 512],
        [2048, 512],
        [3072, 1024],
      ],
      zeros: [],
    });
  });

  test("does not take for contents what is free, though a file is said to have it", async () => {
    const { structure, contents } = await layOut("  Free blocks: 1100-1199, 3000-4095\n", [[512, 3000]]);
    expect(contents).toEqual([
      [512, 512],
      [1536, 1024],
    ]);
    // A small gap between used blocks is written with them, a large one is not.
    expect(structure).toEqual([
      [0, 512],
      [1024, 512],
      [2560, 440],
    ]);
  });

  test("leaves out long runs of zeros, but not those of files", async () => {
    const zeros: Extent[] = [
      [10, 255],
      [300, 256],
      [1000, 900],
    ];
    expect(await layOut("", [[1024, 512]], zeros)).toEqual({
      structure: [
        [0, 300],
        [556, 468],
        [1900, 2196],
      ],
      contents: [[1024, 512]],
      zeros: [
        [300, 256],
        [1536, 364],
      ],
    });
  });
});

describe("the room to grow without moving a block", () => {
  const dump = (features: string, more = ""): string =>
    `Filesystem features:      ${features}
Block count:              131072
Reserved GDT blocks:      1024
Blocks per group:         32768
${more}`;

  test("is what the reserved descriptors are enough for", () => {
    const group = 32_768 * 4096;
    expect(roomToGrow(dump("ext_attr resize_inode"))).toBe((1 + 1024) * 128 * group);
    expect(roomToGrow(dump("resize_inode 64bit", "Group descriptor size:    64\n"))).toBe((1 + 1024) * 64 * group);
  });

  test.each(["ext_attr", "resize_inode meta_bg", "resize_inode sparse_super2"])("is none with %s", (features) => {
    expect(roomToGrow(dump(features))).toBe(0);
  });
});
