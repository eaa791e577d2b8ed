import { expect, test } from "vitest";
import { parseExt } from "../../../../src/filesystems/ext/facts.ts";
import { superblock } from "./superblock.ts";

test("facts are read from dumpe2fs", () => {
  const { facts, isDirty, obstacle, isDamaged } = parseExt(superblock, "ext4");
  expect({ isDirty, obstacle, isDamaged }).toEqual({ isDirty: true, obstacle: undefined, isDamaged: false });
  expect(facts).toMatchObject({
    uuid: "badecd11-c016-4e37-81cf-3caa4c53824e",
    label: "my root",
    blockSize: 1024,
    inodeSize: 256,
    features: ["has_journal", "ext_attr", "dir_index", "extent"],
    mountOptions: ["user_xattr", "acl"],
    errorsBehavior: "remount-ro",
    hashAlgorithm: "half_md4",
  });
});

test.each([["encrypt"], ["verity"], ["casefold"], ["quota"]])("names %s as what a tar cannot carry", (feature) => {
  expect(parseExt(superblock.replace("dir_index", feature), "ext4").obstacle).toBeDefined();
});

test("ext says when it knows of errors", () => {
  expect(parseExt(superblock.replace("clean", "clean with errors"), "ext4").isDamaged).toBe(true);
});
