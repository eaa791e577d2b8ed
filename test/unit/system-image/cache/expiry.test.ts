import { chmodSync, existsSync, mkdirSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { openCacheFolder } from "../../../../src/system-image/cache/folder.ts";
import { ageInDays, isExpired, removeExpired } from "../../../../src/system-image/cache/expiry.ts";
import { removeLeftovers } from "../../../../src/system-image/cache/leftovers.ts";
import { scratchSpace } from "../../../../src/system-image/cache/scratch.ts";
import { temporaryDirectory, testHost } from "../../../fixtures/test-host.ts";

const day = 24 * 60 * 60 * 1000;
const now = new Date("2026-03-20T12:00:00Z");

function ago(milliseconds: number): Date {
  return new Date(now.getTime() - milliseconds);
}

test.each([
  [0, 0],
  [day - 1, 0],
  [day, 1],
  [14.5 * day, 14],
])("something changed %d ms ago is %d whole days old", (age, days) => {
  expect(ageInDays(ago(age), now)).toBe(days);
});

test.each([
  [14, 14.9, 0o644, false],
  [14, 15.1, 0o644, true],
  [0, 0.5, 0o644, false],
  [0, 1.1, 0o644, true],
  [undefined, 5000, 0o644, false],
  [14, 5000, 0o444, false],
] as const)("CLEAN_CACHE=%s with a tar of %d days and mode %o expires: %s", (days, age, mode, expired) => {
  expect(isExpired({ mtime: ago(age * day), mode }, days, now)).toBe(expired);
});

function cacheWith(names: readonly string[], ageDays: number): string {
  const directory = join(temporaryDirectory(), "cache");
  mkdirSync(directory);
  const old = new Date(Date.now() - ageDays * day);
  for (const name of names) {
    writeFileSync(join(directory, name), "");
    utimesSync(join(directory, name), old, old);
  }
  return directory;
}

test("an expired system goes with its manifest and images, and nothing else does", async () => {
  const ours = ["cache-a-amd64.tar", "cache-a-amd64.manifest.json", "cache-a-amd64.ext4-0123456789.img"];
  const others = ["cache-a-amd64-0123456789.manifest.json", "other.tar", "cache-notes.txt"];
  const directory = cacheWith([...ours, ...others], 20);
  expect(await removeExpired(testHost(), openCacheFolder(directory), 14)).toEqual(["cache-a-amd64"]);
  expect(ours.filter((name) => existsSync(join(directory, name)))).toEqual([]);
  expect(others.filter((name) => existsSync(join(directory, name)))).toEqual(others);
});

test("a system that its owner may not write stays for ever", async () => {
  const directory = cacheWith(["cache-a-amd64.tar"], 2000);
  chmodSync(join(directory, "cache-a-amd64.tar"), 0o444);
  expect(await removeExpired(testHost(), openCacheFolder(directory), 14)).toEqual([]);
});

test("an expired system that another process is working on is left to it", async () => {
  const directory = cacheWith(["cache-a-amd64.tar"], 20);
  const host = testHost();
  const folder = openCacheFolder(directory);
  await using lock = await folder.entry("cache-a-amd64").tryLock(host);
  expect(lock).toBeDefined();
  expect(await removeExpired(host, folder, 14)).toEqual([]);
  expect(existsSync(join(directory, "cache-a-amd64.tar"))).toBe(true);
});

test("half-written files and scratch trees go unless somebody holds their lock", async () => {
  const directory = cacheWith(["cache-a-amd64.tar.partial", "cache-b-amd64.ext4-0123456789.img.partial"], 0);
  mkdirSync(join(directory, "scratch/cache-a-amd64/tree"), { recursive: true });
  mkdirSync(join(directory, "scratch/cache-b-amd64/tree"), { recursive: true });
  mkdirSync(join(directory, "scratch/uncached-999999999-1"), { recursive: true });
  const host = testHost();
  const folder = openCacheFolder(directory);
  {
    await using _lock = await folder.entry("cache-b-amd64").tryLock(host);
    await removeLeftovers(host, folder, scratchSpace("", directory));
    expect(await folder.files()).toEqual(["cache-b-amd64.ext4-0123456789.img.partial", "locks", "scratch"]);
    expect(existsSync(join(directory, "scratch/cache-a-amd64"))).toBe(false);
    expect(existsSync(join(directory, "scratch/uncached-999999999-1"))).toBe(false);
    expect(existsSync(join(directory, "scratch/cache-b-amd64/tree"))).toBe(true);
  }
  await removeLeftovers(host, folder, scratchSpace("", directory));
  expect(await folder.files()).toEqual(["locks", "scratch"]);
  expect(existsSync(join(directory, "scratch/cache-b-amd64"))).toBe(false);
});

test("caches that share a SCRATCH_DIR leave each other's trees alone", async () => {
  const scratchDir = temporaryDirectory();
  const [mine, other] = [temporaryDirectory(), temporaryDirectory()];
  const treesOf = (directory: string): readonly string[] => {
    const { parent, prefix } = scratchSpace(scratchDir, directory);
    return ["cache-a-amd64", "uncached-999999999-1"].map((name) => join(parent, `${prefix}${name}`));
  };
  const foreign = join(scratchDir, "cache-a-amd64");
  for (const tree of [...treesOf(mine), ...treesOf(other), foreign]) mkdirSync(tree);
  await removeLeftovers(testHost(), openCacheFolder(mine), scratchSpace(scratchDir, mine));
  expect(treesOf(mine).filter((tree) => existsSync(tree))).toEqual([]);
  expect([...treesOf(other), foreign].filter((tree) => !existsSync(tree))).toEqual([]);
});
