import { expect, test } from "vitest";
import { mountOptions } from "../../../../src/devices/attach/mount.ts";

test.each([
  [{ type: "ext4" }, "rw"],
  [{ type: "ext4", readOnly: true, options: ["noload"] }, "ro,noload"],
  [{ type: "xfs", guestControlled: true, options: ["nouuid"] }, "rw,nosuid,nodev,noexec,nouuid"],
])("%j is mounted with %s", (options, expected) => {
  expect(mountOptions(options).join(",")).toBe(expected);
});
