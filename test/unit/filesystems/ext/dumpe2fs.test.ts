import { expect, test } from "vitest";
import {
  extFeatures,
  freeBlocks,
  freeExtents,
  numberField,
  reservedShare,
} from "../../../../src/filesystems/ext/dumpe2fs.ts";

const dump = `Filesystem volume name:   <none>
Filesystem features:      has_journal 64bit
Block count:              131072
Reserved block count:     6553
Block size:               1024
Group 0: (Blocks 1-8192)
  Free blocks: 5-6, 9
  Free inodes: 1-2
Group 1: (Blocks 8193-16384)
  Free blocks:${" "}
  Free inodes: 3
`;

test("fields are read by their names", () => {
  expect(numberField(dump, "Block count")).toBe(131072);
  expect(numberField(dump, "Reserved GDT blocks")).toBe(0);
  expect(numberField(dump, "Filesystem volume name")).toBe(0);
  expect(extFeatures(dump)).toEqual(new Set(["has_journal", "64bit"]));
  expect(extFeatures("Filesystem features:      (none)\n")).toEqual(new Set());
});

test("the share of reserved blocks has two digits", () => {
  expect(reservedShare(dump)).toBe(5);
  expect(reservedShare(dump.replace("6553", "0"))).toBe(0);
});

test("free blocks are those of every group, also in bytes", () => {
  expect(freeBlocks(dump)).toEqual([
    { start: 5, end: 7 },
    { start: 9, end: 10 },
  ]);
  expect(freeExtents(dump)).toEqual([
    { start: 5120, end: 7168 },
    { start: 9216, end: 10240 },
  ]);
});
