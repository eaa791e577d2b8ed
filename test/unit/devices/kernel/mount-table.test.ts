import { expect, test } from "vitest";
import {
  isMountOf,
  mountsOfAllNamespaces,
  ownMounts,
  parseMountInfo,
} from "../../../../src/devices/kernel/mount-table.ts";

const text = String.raw`36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 shared:5 - ext3 /dev/root rw,errors=continue
40 35 0:33 / /with\040space\134 rw - btrfs /dev/my\040disk rw
`;

test("a mount is parsed behind any number of optional fields", () => {
  expect(parseMountInfo(text)).toEqual([
    { id: "36", number: "98:0", mountPoint: "/mnt2", type: "ext3", source: "/dev/root", pid: "self" },
    { id: "40", number: "0:33", mountPoint: "/with space\\", type: "btrfs", source: "/dev/my disk", pid: "self" },
  ]);
});

test("a mount belongs to a device by its number", () => {
  const [mount] = parseMountInfo(text);
  if (mount === undefined) throw new Error("no mount");
  expect(isMountOf(mount, new Set(["98:0"]))).toBe(true);
  expect(isMountOf(mount, new Set(["98:1"]))).toBe(false);
});

test("our own mounts are among those of all namespaces", () => {
  const all = new Set(mountsOfAllNamespaces().map(({ id }) => id));
  expect(ownMounts().length).toBeGreaterThan(0);
  expect(ownMounts().every(({ id }) => all.has(id))).toBe(true);
});
