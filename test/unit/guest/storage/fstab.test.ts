import { expect, test } from "vitest";
import { fstab } from "../../../../src/guest/storage/fstab.ts";

const lines = (text: string): string[] => text.split("\n").filter((line) => line !== "" && !line.startsWith("#"));

test.each([
  ["ext2", 1],
  ["ext3", 1],
  ["ext4", 1],
  ["xfs", 0],
  ["btrfs", 0],
])("lists a root of %s by UUID, checked in pass %d", (type, pass) => {
  expect(lines(fstab({ root: { uuid: "r-1", type } }))).toEqual([
    `UUID=r-1 / ${type} defaults 0 ${String(pass)}`,
    "proc /proc proc defaults 0 0",
  ]);
});

test("lists swap and further filesystems", () => {
  const text = fstab({
    root: { uuid: "r-1", type: "ext4" },
    swap: { uuid: "s-1" },
    further: [{ uuid: "ABCD-0123", type: "vfat", mountPoint: "/boot/efi", options: "umask=0077" }],
  });
  expect(lines(text).slice(2)).toEqual(["UUID=ABCD-0123 /boot/efi vfat umask=0077 0 2", "UUID=s-1 none swap sw 0 0"]);
});
