import { truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { familyOf, type FilesystemType } from "../../src/filesystems/families.ts";
import { makeFilesystem } from "../../src/filesystems/make.ts";
import { inspectFilesystem, probeFilesystem } from "../../src/filesystems/probe.ts";
import { temporaryDirectory, testHost } from "../fixtures/test-host.ts";

const mebibyte = 1024 ** 2;
const bytes = 512 * mebibyte;

/** A file of `bytes` for a filesystem. */
async function emptyFile(): Promise<string> {
  const path = join(temporaryDirectory(), "filesystem");
  await writeFile(path, "");
  await truncate(path, bytes);
  return path;
}

async function inspected(path: string, type: FilesystemType) {
  const inspection = await inspectFilesystem(testHost(), path, type);
  if (inspection === undefined) throw new Error(`${type} is not inspected`);
  return inspection;
}

test.each(["ext2", "ext3", "ext4", "xfs", "btrfs"] as const)(
  "%s is made, inspected and made again as it was",
  async (type) => {
    const host = testHost();
    const [first, second] = [await emptyFile(), await emptyFile()];
    const { uuid } = await makeFilesystem(host, first, { type, suite: "bookworm", label: "a guest" });
    const { facts, isDirty, isDamaged } = await inspected(first, type);
    expect({ uuid: facts.uuid, label: facts.label, isDirty, isDamaged }).toEqual({
      uuid,
      label: "a guest",
      isDirty: false,
      isDamaged: false,
    });

    const family = familyOf(type);
    const made = await family.recreate(host, second, facts, { bytes: 0, inodes: 100, deviceBytes: bytes });
    if (made !== uuid) await family.giveUuid(host, second, uuid);
    expect((await inspected(second, type)).facts).toEqual(facts);
    expect(await probeFilesystem(host, second)).toMatchObject({ type, uuid, label: "a guest" });
  },
);

test.each(["ext4", "xfs", "btrfs"] as const)("most of an empty %s is free, but not its superblock", async (type) => {
  const path = await emptyFile();
  await makeFilesystem(testHost(), path, { type, suite: "trixie" });
  const free = await familyOf(type).freeSpace(testHost(), path, { bytes, isDirty: false });
  expect(free.reduce((sum, { start, end }) => sum + end - start, 0)).toBeGreaterThan(0.6 * bytes);
  const superblock = type === "btrfs" ? 64 * 1024 : 0;
  expect(free.every(({ start }) => start > superblock)).toBe(true);
});

test.each(["ext3", "xfs", "btrfs"] as const)("%s gets another UUID", async (type) => {
  const path = await emptyFile();
  const uuid = "0f0f0f0f-1111-4222-8333-444444444444";
  await makeFilesystem(testHost(), path, { type, suite: "trixie" });
  await familyOf(type).giveUuid(testHost(), path, uuid);
  expect((await probeFilesystem(testHost(), path))?.uuid).toBe(uuid);
});

test("ext4 grows with what it lies on", async () => {
  const path = await emptyFile();
  await makeFilesystem(testHost(), path, { type: "ext4", suite: "trixie" });
  await truncate(path, 2 * bytes);
  await familyOf("ext4").grow(testHost(), path);
  expect((await inspected(path, "ext4")).facts).toMatchObject({ blocks: (2 * bytes) / 4096 });
});

test.each(["ext4", "xfs", "btrfs"] as const)("%s gets another label, and none", async (type) => {
  const path = await emptyFile();
  const family = familyOf(type);
  await makeFilesystem(testHost(), path, { type, suite: "trixie", label: "before" });
  expect(family.canSetLabel("half-import")).toBe(true);
  await family.setLabel(testHost(), path, "half-import");
  expect((await inspected(path, type)).facts.label).toBe("half-import");
  await family.setLabel(testHost(), path, "");
  expect((await inspected(path, type)).facts.label).toBe("");
});

test("a label that xfs_db would take apart is not set", async () => {
  expect(familyOf("xfs").canSetLabel("two words")).toBe(false);
  await expect(familyOf("xfs").setLabel(testHost(), "/dev/x", "two words")).rejects.toThrow(/cannot set the label/);
});
