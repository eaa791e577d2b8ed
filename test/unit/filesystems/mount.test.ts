import { expect, test } from "vitest";
import { familyOptions } from "../../../src/filesystems/mount.ts";

test.each([
  [{ type: "ext4" }, ""],
  [{ type: "ext4", fresh: true }, "nobarrier"],
  [{ type: "ext2", fresh: true }, ""],
  [{ type: "ext4", guestControlled: true }, "errors=remount-ro"],
  [{ type: "ext3", guestControlled: true, withoutJournal: true }, "errors=remount-ro,noload"],
  [{ type: "ext2", withoutJournal: true }, ""],
  [{ type: "xfs", fresh: true }, "nouuid"],
  [{ type: "xfs", guestControlled: true, wholeTree: true, withoutJournal: true }, "nouuid,norecovery"],
  [{ type: "btrfs", guestControlled: true, withoutJournal: true }, ""],
  [{ type: "btrfs", wholeTree: true }, "subvolid=5"],
] as const)("%j adds the options %j", (mount, expected) => {
  expect(familyOptions(mount).join(",")).toBe(expected);
});
