import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { attachLoop } from "../../../../src/devices/attach/loop.ts";
import { parseBackingKeys } from "../../../../src/devices/attach/loop-state.ts";
import { fakeCommands, testHost, type TestHost } from "../../../fixtures/test-host.ts";

function emptyDisk(host: TestHost): string {
  const path = join(host.directory, "disk");
  writeFileSync(path, "");
  return path;
}

test("the loop device is told exactly what to show", async () => {
  const fakes = fakeCommands({ losetup: "" });
  const host = testHost({ path: fakes.path });
  const disk = emptyDisk(host);
  await using loop = await attachLoop(host, disk, {
    offset: 1048576,
    sizeLimit: 4096,
    sectorSize: 4096,
    readOnly: true,
  });
  expect(fakes.calls()).toEqual([
    `losetup --direct-io=off --offset 1048576 --sizelimit 4096 --read-only --sector-size 4096 ${loop.device} ${disk}`,
  ]);
});

test("the device is in the journal before losetup runs, and out of it after the release", async () => {
  const host = testHost({ path: fakeCommands({ losetup: "" }).path });
  const disk = emptyDisk(host);
  const journal = (): string => {
    const directory = join(host.runDir, "journal");
    return readdirSync(directory)
      .map((name) => readFileSync(join(directory, name), "utf8"))
      .join("");
  };
  const copy = join(host.directory, "journal-at-losetup");
  const watching = fakeCommands({ losetup: `cat ${join(host.runDir, "journal")}/* >${copy}` });
  const loop = await attachLoop({ ...host, path: watching.path }, disk, { offset: 0, sizeLimit: 0 });
  expect(readFileSync(copy, "utf8")).toContain(`"kind":"loop","device":"${loop.device}","backing":"${disk}"`);
  await loop[Symbol.asyncDispose]();
  expect(journal()).toContain('"released":true');
});

test("a device that another process takes first is not waited for", async () => {
  const host = testHost();
  const marker = join(host.directory, "taken");
  const busy = `[ -e ${marker} ] && exit 0; : >${marker}; echo "losetup: disk: failed to set up loop device: Device or resource busy" >&2; exit 1`;
  const fakes = fakeCommands({ losetup: busy });
  await using loop = await attachLoop({ ...host, path: fakes.path }, emptyDisk(host), { offset: 0, sizeLimit: 0 });
  const [first, second] = fakes.calls();
  expect(first).not.toBe(second);
  expect(second).toContain(loop.device);
});

const nothing = { offset: 0, sizeLimit: 0 };

test("a file that is gone is one clear error, and losetup is not run", async () => {
  const host = testHost();
  const fakes = fakeCommands({ losetup: "exit 1" });
  const attached = attachLoop({ ...host, path: fakes.path }, join(host.directory, "gone"), nothing);
  await expect(attached).rejects.toThrow(/gone does not exist, so a loop device cannot be put on it/);
  expect(fakes.calls()).toEqual([]);
});

test("a file that vanishes while losetup runs is one clear error after one attempt", async () => {
  const host = testHost();
  const disk = emptyDisk(host);
  const words = "failed to set up loop device: No such file or directory";
  const fakes = fakeCommands({ losetup: `rm -f ${disk}; echo "losetup: ${disk}: ${words}" >&2; exit 1` });
  await expect(attachLoop({ ...host, path: fakes.path }, disk, nothing)).rejects.toThrow(/disk does not exist/);
  expect(fakes.calls()).toHaveLength(1);
});

test("a missing file is not a missing device: losetup's words alone are no reason to try again", async () => {
  const host = testHost();
  const words = "losetup: disk: failed to set up loop device: No such file or directory";
  const fakes = fakeCommands({ losetup: `echo "${words}" >&2; exit 1` });
  await expect(attachLoop({ ...host, path: fakes.path }, emptyDisk(host), nothing)).rejects.toThrow(words);
  expect(fakes.calls()).toHaveLength(1);
});

test("a losetup that always says busy is given up after a few devices", async () => {
  const host = testHost();
  const fakes = fakeCommands({
    losetup: 'echo "losetup: failed to set up loop device: Device or resource busy" >&2; exit 1',
  });
  await expect(attachLoop({ ...host, path: fakes.path }, emptyDisk(host), nothing)).rejects.toThrow("resource busy");
  expect(fakes.calls()).toHaveLength(8);
});

test("an answer of losetup that is not a list is an error in words", () => {
  expect(() => parseBackingKeys("gar\u001bbage")).toThrow(
    String.raw`did not print a list of loop devices: gar\x1bbage`,
  );
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
  await expect(attachLoop(host, emptyDisk(host), { offset: 0, sizeLimit: 0 })).rejects.toThrow(/cannot find/);
  expect(fakes.calls()).toHaveLength(1);
  host.journal.close();
  expect(readdirSync(join(host.runDir, "journal"))).toEqual([]);
});
