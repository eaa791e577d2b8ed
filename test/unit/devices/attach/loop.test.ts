import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { attachLoop, parseBackingKeys } from "../../../../src/devices/attach/loop.ts";
import { fakeCommands, testHost } from "../../../fixtures/test-host.ts";

test("the loop device is told exactly what to show", async () => {
  const fakes = fakeCommands({ losetup: "" });
  const host = testHost({ path: fakes.path });
  await using loop = await attachLoop(host, "/disk", {
    offset: 1048576,
    sizeLimit: 4096,
    sectorSize: 4096,
    readOnly: true,
  });
  expect(fakes.calls()).toEqual([
    `losetup --direct-io=off --offset 1048576 --sizelimit 4096 --read-only --sector-size 4096 ${loop.device} /disk`,
  ]);
});

test("the device is in the journal before losetup runs, and out of it after the release", async () => {
  const host = testHost({ path: fakeCommands({ losetup: "" }).path });
  const journal = (): string => {
    const directory = join(host.runDir, "journal");
    return readdirSync(directory)
      .map((name) => readFileSync(join(directory, name), "utf8"))
      .join("");
  };
  const copy = join(host.directory, "journal-at-losetup");
  const watching = fakeCommands({ losetup: `cat ${join(host.runDir, "journal")}/* >${copy}` });
  const loop = await attachLoop({ ...host, path: watching.path }, "/disk", { offset: 0, sizeLimit: 0 });
  expect(readFileSync(copy, "utf8")).toContain(`"kind":"loop","device":"${loop.device}","backing":"/disk"`);
  await loop[Symbol.asyncDispose]();
  expect(journal()).toContain('"released":true');
});

test.each([
  "Device or resource busy",
  // For a device that both had to make first.
  "No such device or address",
  "No such file or directory",
])("a device that another process takes first (%s) is not waited for", async (reason) => {
  const marker = join(testHost().directory, "..", `gid-taken-${String(process.pid)}-${String(Math.random())}`);
  const busy = `[ -e ${marker} ] && { rm ${marker}; exit 0; }; : >${marker}; echo "losetup: /disk: failed to set up loop device: ${reason}" >&2; exit 1`;
  const fakes = fakeCommands({ losetup: busy });
  await using loop = await attachLoop(testHost({ path: fakes.path }), "/disk", { offset: 0, sizeLimit: 0 });
  const [first, second] = fakes.calls();
  expect(first).not.toBe(second);
  expect(second).toContain(loop.device);
  expect(existsSync(marker)).toBe(false);
});

test("inode numbers are read to the last digit, as a number or as text", () => {
  const text = `{"loopdevices": [
    {"name":"/dev/loop0", "back-maj:min":"     254:0  ", "back-ino":1152921504606846977},
    {"name":"/dev/loop1", "back-maj:min":"0:6", "back-ino":"94"},
    {"name":"/dev/loop2", "back-maj:min":null, "back-ino":null}]}`;
  expect([...parseBackingKeys(text)]).toEqual([
    ["/dev/loop0", "254:0:1152921504606846977"],
    ["/dev/loop1", "0:6:94"],
    ["/dev/loop2", ":null"],
  ]);
  expect(parseBackingKeys("").size).toBe(0);
});

test("another failure of losetup is the error, and nothing stays recorded", async () => {
  const fakes = fakeCommands({ losetup: 'echo "losetup: cannot find /disk" >&2; exit 1' });
  const host = testHost({ path: fakes.path });
  await expect(attachLoop(host, "/disk", { offset: 0, sizeLimit: 0 })).rejects.toThrow(/cannot find/);
  expect(fakes.calls()).toHaveLength(1);
  host.journal.close();
  expect(readdirSync(join(host.runDir, "journal"))).toEqual([]);
});
