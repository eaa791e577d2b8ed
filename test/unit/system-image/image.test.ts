import { open, readFile, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { mergeExtents, reservedShare, usedExtents } from "../../../src/system-image/image-build.ts";
import { freeRanges, imageSha256, openImage, packImage, unpackImage } from "../../../src/system-image/image-file.ts";
import { temporaryDirectory } from "../../fixtures/test-host.ts";

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
  const extents: [number, number][] = [
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

test.each([
  ["behind the image", 50_000, [4096, 4096] as const, [20_480, 29_520] as const],
  ["in the middle of a gap", 6000, [4096, 1904] as const],
  ["within an extent", 10_000, [4096, 4096] as const],
  ["where the image ends", 20_480, [4096, 4096] as const],
  ["in the first extent", 100],
])("what an image leaves free is told up to an end %s", (_what, end, ...ranges) => {
  const extents: [number, number][] = [
    [0, 1],
    [2, 3],
  ];
  expect(freeRanges({ extents, blockSize: 4096 }, end)).toEqual(ranges);
});

test("the share of reserved blocks is exact to the hundredth", () => {
  const head = (blocks: number, reserved: number): string =>
    `Block count:              ${String(blocks)}\nReserved block count:     ${String(reserved)}\n`;
  expect(reservedShare(head(131072, 6553))).toBe(5);
  expect(reservedShare(head(131072, 0))).toBe(0);
});

const blockSize = 4096;

async function packed(directory: string) {
  const raw = join(directory, "raw");
  const path = join(directory, "image");
  const blocks = Buffer.concat([1, 0, 2, 3, 0, 0].map((byte) => Buffer.alloc(blockSize, byte)));
  await writeFile(raw, blocks);
  const from = await open(raw, "r");
  const to = await open(path, "wx");
  const extents: [number, number][] = [
    [0, 1],
    [2, 3],
  ];
  await packImage(from, to, {
    tar: "abc",
    bytes: blocks.length,
    blockSize,
    lateFeatures: [],
    reservedPercent: 5,
    extents,
  });
  await from.close();
  await to.close();
  return { path, blocks };
}

describe("an image file", () => {
  test("puts used blocks, zeros included, where they belong and leaves the others alone", async () => {
    const directory = temporaryDirectory();
    const { path, blocks } = await packed(directory);
    const device = join(directory, "device");
    await writeFile(device, Buffer.alloc(blocks.length, 0xff));
    const target = await open(device, "r+");
    const file = await open(path, "r");
    const image = await openImage(file);
    await unpackImage(image, target);
    expect(await imageSha256(image)).toBe(image.header.sha256);
    await file.close();
    await target.close();
    const expected = Buffer.concat([1, 0xff, 2, 3, 0, 0xff].map((byte) => Buffer.alloc(blockSize, byte)));
    expect((await readFile(device)).equals(expected)).toBe(true);
  });

  test.each([
    ["cut off in its blocks", (size: number) => size - 1, "it ends early"],
    ["cut off in its header", () => 100, "its header cannot be read"],
    ["empty", () => 0, "not a filesystem image"],
  ])("is refused when %s", async (_what, cut, message) => {
    const { path } = await packed(temporaryDirectory());
    await truncate(path, cut((await readFile(path)).length));
    const file = await open(path, "r");
    await expect(openImage(file)).rejects.toThrow(message);
    await file.close();
  });
});
