import { open, readFile, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import {
  freeRanges,
  imageSha256,
  openImage,
  packImage,
  unpackImage,
  UnreadableImageError,
  zeroRanges,
} from "../../../../src/system-image/image/image-file.ts";
import type { ImageLayout } from "../../../../src/system-image/image/layout.ts";
import { temporaryDirectory } from "../../../fixtures/test-host.ts";

test.each([
  ["behind the image", 50_000, [4096, 4096] as const, [20_480, 29_520] as const],
  ["in the middle of a gap", 6000, [4096, 1904] as const],
  ["within an extent", 10_000, [4096, 4096] as const],
  ["where the image ends", 20_480, [4096, 4096] as const],
  ["in the first extent", 100],
])("what an image leaves free is told up to an end %s", (_what, end, ...ranges) => {
  const layout = {
    blocks: [
      [0, 1],
      [3, 2],
    ],
    zeros: [[2, 1]],
  } satisfies ImageLayout;
  expect(freeRanges({ ...layout, blockSize: 4096 }, end)).toEqual(ranges);
  expect(zeroRanges({ ...layout, blockSize: 4096 })).toEqual([[8192, 4096]]);
});

const blockSize = 4096;
const { signal } = new AbortController();

async function packed(directory: string) {
  const raw = join(directory, "raw");
  const path = join(directory, "image");
  const blocks = Buffer.concat([1, 0, 2, 3, 0, 0, 4].map((byte) => Buffer.alloc(blockSize, byte)));
  await writeFile(raw, blocks);
  const from = await open(raw, "r");
  const to = await open(path, "wx");
  await packImage(from, to, {
    tar: "abc",
    bytes: blocks.length,
    blockSize,
    lateFeatures: [],
    reservedPercent: 5,
    blocks: [
      [0, 1],
      [2, 3],
      [6, 1],
    ],
    zeros: [[5, 1]],
  });
  await from.close();
  await to.close();
  return { path, blocks };
}

/** An image in which one text of the header was replaced by another. */
async function openEdited(before: string, after: string) {
  const { path } = await packed(temporaryDirectory());
  const text = (await readFile(path)).toString("latin1");
  expect(text).toContain(before);
  await writeFile(path, text.replace(before, after), "latin1");
  return await open(path, "r");
}

describe("an image file", () => {
  test("puts its blocks where they belong and leaves the others alone", async () => {
    const directory = temporaryDirectory();
    const { path, blocks } = await packed(directory);
    const device = join(directory, "device");
    await writeFile(device, Buffer.alloc(blocks.length, 0xff));
    const target = await open(device, "r+");
    const file = await open(path, "r");
    const image = await openImage(file);
    await unpackImage(image, target);
    expect(await imageSha256(image, signal)).toBe(image.sha256);
    await file.close();
    await target.close();
    const wanted = Buffer.concat([1, 0xff, 2, 3, 0, 0xff, 4].map((byte) => Buffer.alloc(blockSize, byte)));
    expect((await readFile(device)).equals(wanted)).toBe(true);
  });

  test.each([
    ["cut off in its blocks", (size: number) => size - 1, "it ends early"],
    ["cut off in its header", () => 200, "its header cannot be read"],
    ["cut off in its first line", () => 100, "its first line cannot be read"],
    ["empty", () => 0, "not a filesystem image"],
  ])("is refused when %s", async (_what, cut, message) => {
    const { path } = await packed(temporaryDirectory());
    await truncate(path, cut((await readFile(path)).length));
    const file = await open(path, "r");
    await expect(openImage(file)).rejects.toThrow(message);
    await file.close();
  });

  test.each([
    ["its extents", "[2,3]", "[1,3]"],
    ["what it is made from", '"tar":"abc"', '"tar":"abd"'],
  ])("has another checksum with another byte in its header (%s)", async (_what, before, after) => {
    const file = await openEdited(before, after);
    const image = await openImage(file);
    expect(await imageSha256(image, signal)).not.toBe(image.sha256);
    await file.close();
  });

  test.each([
    ["overlap", "[2,3]", "[4,3]"],
    ["lie outside of the filesystem", '"zeros":[[5,1]]', '"zeros":[[7,1]]'],
    ["are empty", '"zeros":[[5,1]]', '"zeros":[[5,0]]'],
  ])("is refused when extents %s", async (_what, before, after) => {
    const file = await openEdited(before, after);
    await expect(openImage(file)).rejects.toThrow("its header cannot be read");
    await file.close();
  });

  test("that ends early while it is read is told from a device that fails", async () => {
    const directory = temporaryDirectory();
    const { path, blocks } = await packed(directory);
    const file = await open(path, "r");
    const image = await openImage(file);
    await truncate(path, image.dataOffset + 4 * blockSize);
    await writeFile(join(directory, "device"), Buffer.alloc(blocks.length));
    const readOnly = await open(join(directory, "device"), "r");
    const target = await open(join(directory, "device"), "r+");
    await expect(unpackImage(image, target)).rejects.toThrow(UnreadableImageError);
    await expect(imageSha256(image, signal)).resolves.not.toBe(image.sha256);
    await expect(unpackImage(image, readOnly)).rejects.toThrow(/EBADF/);
    for (const handle of [file, target, readOnly]) await handle.close();
  });
});
