import { expect, test } from "vitest";
import { filesystemArguments } from "../../../src/filesystems/make.ts";

test.each([
  ["ext4", "trixie", "grub", []],
  ["ext4", "bookworm", "grub", ["-O", "^metadata_csum_seed"]],
  ["ext4", "bullseye", "none", ["-O", "^orphan_file,^metadata_csum_seed"]],
  ["ext4", "jessie", "grub", ["-O", "^orphan_file,^metadata_csum_seed,^metadata_csum,^64bit"]],
  ["ext4", "trixie", "extlinux", ["-O", "^metadata_csum_seed,^metadata_csum,^64bit"]],
  ["ext3", "noble", "auto", []],
  ["xfs", "trixie", "grub", ["-n", "parent=0", "-i", "exchange=0"]],
  ["xfs", "bookworm", "grub", ["-n", "parent=0", "-i", "exchange=0,nrext64=0"]],
  ["xfs", "bullseye", "grub", ["-n", "parent=0", "-i", "exchange=0,nrext64=0", "-m", "bigtime=0,inobtcount=0"]],
  ["btrfs", "trixie", "grub", []],
  ["btrfs", "bullseye", "grub", ["-O", "^block-group-tree"]],
] as const)("%s for %s with %s leaves out what cannot be read", (type, suite, bootloader, expected) => {
  expect(filesystemArguments(type, suite, { bootloader })).toEqual(expected);
});

test("a suite that is not known is treated with caution", () => {
  expect(filesystemArguments("ext4", "kali-rolling")).toEqual(filesystemArguments("ext4", "bullseye"));
});
