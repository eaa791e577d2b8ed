import { expect, test } from "vitest";
import { deviceNumber } from "../../../src/devices/kernel/block-device.ts";
import { imageLocks, parseSwaps } from "../../../src/devices/in-use.ts";

test("swap areas are listed without the heading, spaces decoded", () => {
  const text = "Filename\t\t\t\tType\t\tSize\n/dev/sda2                partition\t1\n/swap\\040file  file 1 0 -2\n";
  expect(parseSwaps(text)).toEqual(["/dev/sda2", "/swap file"]);
});

test("an emulator's image lock is told from other locks", () => {
  const text = [
    "1: OFDLCK ADVISORY  READ -1 fe:0a:1476839 100 101",
    "2: OFDLCK ADVISORY  READ -1 00:06:77 201 201",
    "3: FLOCK  ADVISORY  WRITE 700 fe:00:5 0 EOF",
    "4: POSIX  ADVISORY  WRITE 701 fe:00:6 0 EOF",
    "4: -> POSIX  ADVISORY  WRITE 702 fe:00:8 100 101",
    "5: POSIX  ADVISORY  WRITE 703 fe:00:9 1073741824 1073742335",
  ].join("\n");
  expect([...imageLocks(text)]).toEqual(["254:10:1476839", "0:6:77"]);
});

test.each([
  [0x801n, "8:1"],
  [0x0fe00n, "254:0"],
  // major 259, minor 300: makedev of glibc.
  [0x1032cn + 0x100000n, "259:300"],
])("the number %s is %s", (rdev, expected) => {
  expect(deviceNumber(rdev)).toBe(expected);
});
