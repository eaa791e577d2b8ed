import { mkdirSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { makeDirectories } from "../../../../src/host/files/directories.ts";
import { temporaryDirectory } from "../../../fixtures/test-host.ts";

test("directories are made with those above them and the mode, and one that is there is left alone", async () => {
  const top = temporaryDirectory();
  const path = join(top, "a/b/c");
  await makeDirectories(path, 0o750);
  expect(statSync(join(top, "a")).mode & 0o777).toBe(0o750);
  expect(statSync(path).mode & 0o777).toBe(0o750);
  await makeDirectories(path, 0o700);
  expect(statSync(path).mode & 0o777).toBe(0o750);
});

test("any number at once make the same directories", async () => {
  const path = join(temporaryDirectory(), "a/b/c/d");
  await Promise.all(Array.from({ length: 20 }, () => makeDirectories(path, 0o750)));
  expect(statSync(path).isDirectory()).toBe(true);
});

test.each([
  ["below a file", "file/a/b", "a part of this path is a file"],
  ["in place of a file", "file", "is not a directory"],
  ["below a directory whose name is a file's", "file/a", "a part of this path is a file"],
])("there is none %s", async (_where, below, message) => {
  const top = temporaryDirectory();
  writeFileSync(join(top, "file"), "");
  await expect(makeDirectories(join(top, below), 0o750)).rejects.toMatchObject({
    name: "UnusableDirectory",
    message: expect.stringContaining(message) as unknown,
    hint: "name a directory on an ordinary filesystem",
  });
});

test("there is none on /proc, and that is known at once", { timeout: 2000 }, async () => {
  await expect(makeDirectories("/proc/gid-test/a/b", 0o750)).rejects.toThrow(
    "/proc/gid-test cannot be made: /proc takes no directories",
  );
});

test("a link to a directory is one", async () => {
  const top = temporaryDirectory();
  mkdirSync(join(top, "there"));
  symlinkSync("there", join(top, "link"));
  await makeDirectories(join(top, "link/inside"), 0o750);
  expect(statSync(join(top, "there/inside")).isDirectory()).toBe(true);
});
