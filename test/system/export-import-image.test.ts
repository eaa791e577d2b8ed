import { readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { exportTo, importFrom, testInstance } from "../fixtures/backup.ts";
import { difficultTree, diskTree, guestDisk, inMounted, onFilesystem, rootStart } from "../fixtures/guest-disk.ts";
import { leakCheckedHost } from "../fixtures/leaks.ts";
import { diskFile, loopOn, sh } from "../fixtures/loop-disk.ts";
import type { TestHost } from "../fixtures/test-host.ts";

interface Case {
  readonly type: "ext2" | "ext3" | "ext4";
  readonly style: "none" | "msdos" | "gpt";
  readonly compression: "none" | "zstd" | "gzip";
  readonly from: number;
  readonly to: number;
}

const image = { exportFormat: "image" } as const;

async function backup(host: TestHost, source: string, compression: Case["compression"] = "none"): Promise<string> {
  const stream = join(host.directory, "stream");
  const before = sh(`sha256sum <"$1"`, source);
  await exportTo(host, source, stream, { config: { ...image, exportCompression: compression } });
  expect(sh(`sha256sum <"$1"`, source), "the source is not altered").toBe(before);
  return stream;
}

/** A disk full of something else. */
function usedDisk(host: TestHost, mib: number): string {
  const disk = diskFile(join(host.directory, "target"), mib);
  sh(`head -c "$2M" /dev/urandom | dd of="$1" bs=1M conv=notrunc status=none`, disk, String(mib));
  return disk;
}

function isClean(disk: string, style: Case["style"]): string {
  return onFilesystem(disk, style, `e2fsck -fn "$loop" >/dev/null 2>&1 && echo clean`);
}

// Each type, style, compression and direction of size at least once.
const cases: readonly Case[] = [
  { type: "ext2", style: "none", compression: "zstd", from: 96, to: 160 },
  { type: "ext3", style: "msdos", compression: "gzip", from: 100, to: 300 },
  { type: "ext4", style: "none", compression: "none", from: 128, to: 1300 },
  { type: "ext4", style: "gpt", compression: "none", from: 256, to: 300 },
  { type: "ext4", style: "none", compression: "none", from: 400, to: 140 },
  { type: "ext4", style: "msdos", compression: "zstd", from: 300, to: 96 },
  { type: "ext3", style: "gpt", compression: "none", from: 300, to: 200 },
];

describe("an image", () => {
  it.each(cases)("of $type ($style, $compression) comes back from $from on $to MiB", async (options) => {
    const host = leakCheckedHost();
    const { type, style } = options;
    const source = guestDisk(join(host.directory, "source"), { style, type, mib: options.from }, difficultTree);
    const stream = await backup(host, source, options.compression);
    const target = usedDisk(host, options.to);
    await importFrom(host, stream, target);
    // resize2fs gives directories that it moves the time of the move.
    const tree = (disk: string): readonly string[] =>
      diskTree(disk, style)
        .map((line) => (options.to < options.from ? line.replace(/^(d\t\d+\t\S+\t)\S+/, "$1") : line))
        .sort();
    expect(tree(target)).toEqual(tree(source));
    expect(isClean(target, style)).toBe("clean");
    const blocks = (disk: string): number =>
      Number(onFilesystem(disk, style, `dumpe2fs -h "$loop" 2>/dev/null | sed -n 's/^Block count: *//p'`));
    if (options.to > options.from) expect(blocks(target)).toBeGreaterThan(blocks(source));
    else expect(blocks(target)).toBeLessThan(blocks(source));
    const identity = `blkid -p -o value -s TYPE -s UUID -s LABEL "$loop"`;
    expect(onFilesystem(target, style, identity)).toBe(onFilesystem(source, style, identity));
  });

  it.each([
    ["ext4", "none", []],
    ["ext4", "msdos", ["-O", "encrypt,verity"]],
    ["ext4", "gpt", ["-b", "4096"]],
    ["ext2", "none", ["-b", "2048"]],
  ] as const)("of %s (%s, %s) on a disk of its size is the same in every used block", async (type, style, mkfs) => {
    const host = leakCheckedHost();
    const source = guestDisk(join(host.directory, "source"), { style, type, mib: 120, mkfs }, difficultTree);
    const target = usedDisk(host, 120);
    await importFrom(host, await backup(host, source), target);
    expect(usedBlocks(target, style)).toBe(usedBlocks(source, style));
    // Not gpt's table: the last partition may be a little larger.
    const from = style === "gpt" ? 34 * 512 : 0;
    const head = (disk: string): Buffer => readFileSync(disk).subarray(from, rootStart[style]);
    if (style !== "none") expect(head(target).equals(head(source))).toBe(true);
  });

  it("with IMPORT_NEW_UUIDS gets other identifiers, and its files say so", async () => {
    const host = leakCheckedHost();
    const source = guestDisk(
      join(host.directory, "source"),
      { style: "msdos", type: "ext4", mib: 120 },
      `${difficultTree}echo rule >etc/udev/rules.d/70-persistent-net.rules`,
    );
    const target = usedDisk(host, 120);
    await importFrom(host, await backup(host, source), target, { config: { importNewUuids: true } });
    const uuid = (disk: string): string => onFilesystem(disk, "msdos", `blkid -p -o value -s UUID "$loop"`);
    expect(uuid(target)).not.toBe(uuid(source));
    expect(inMounted(target, "msdos", "cat etc/fstab; ls etc/udev/rules.d")).toBe(
      `UUID=${uuid(target)} / auto defaults 0 1`,
    );
    expect(isClean(target, "msdos")).toBe("clean");
  });

  it("of a disk that is too small for its files is refused, and the disk stays as it is", async () => {
    const host = leakCheckedHost();
    const source = guestDisk(
      join(host.directory, "source"),
      { style: "none", type: "ext4", mib: 200 },
      "head -c 100M /dev/urandom >large",
    );
    const target = usedDisk(host, 64);
    const before = sh(`sha256sum <"$1"`, target);
    await expect(importFrom(host, await backup(host, source), target)).rejects.toThrow(/too small for this backup/);
    expect(sh(`sha256sum <"$1"`, target)).toBe(before);
  });
});

// Every block that is used, but for what an inode table without inodes holds.
function usedBlocks(disk: string, style: Case["style"]): string {
  return onFilesystem(
    disk,
    style,
    `copy=$(mktemp); e2image -ra "$loop" "$copy" >/dev/null 2>&1; sha256sum <"$copy"; rm "$copy"`,
  );
}

/** A filesystem with an unreplayed journal: a copy of the disk while it is mounted. */
function dirtyCopy(host: TestHost): string {
  const fill =
    "head -c 3000000 /dev/urandom >random; mkdir d; echo text >d/file; head -c 12M /dev/urandom >gone; sync; rm gone";
  const disk = guestDisk(join(host.directory, "mounted"), { style: "none", type: "ext4", mib: 64 }, fill);
  const copy = join(host.directory, "dirty");
  const late = "for i in $(seq 200); do echo $i >late-$i; done; rm random; sync";
  inMounted(disk, "none", `${late}; cp --sparse=always "$1" '${copy}'`);
  return copy;
}

const lateFiles = "ls | grep -c late-; cat late-200 d/file; ls random 2>/dev/null || echo gone";

describe("an image of a filesystem whose journal was not replayed", () => {
  it.each([
    ["the same size", 64],
    ["a larger disk", 200],
    ["a smaller disk", 48],
  ])("has it replayed on %s", async (_, mib) => {
    const host = leakCheckedHost();
    const disk = dirtyCopy(host);
    const stream = await backup(host, disk);
    expect(sh(`tar xOf "$1" .ganeti-instance-debootstrap/manifest.json | grep journal\\"`, stream)).toContain(
      "unreplayed",
    );
    expect(statSync(stream).size, "deleted data is left out").toBeLessThan(12 * 1024 ** 2);
    const target = usedDisk(host, mib);
    await importFrom(host, stream, target);
    expect(isClean(target, "none")).toBe("clean");
    expect(inMounted(target, "none", lateFiles)).toBe("200\n200\ntext\ngone");
  });

  it("is replayed first where the disk is a snapshot", async () => {
    const host = leakCheckedHost();
    const snapshot = loopOn(dirtyCopy(host));
    const stream = join(host.directory, "stream");
    await exportTo(host, snapshot, stream, { config: image, request: { instance: testInstance(["/dev/null"]) } });
    expect(sh(`tar xOf "$1" .ganeti-instance-debootstrap/manifest.json | grep journal\\"`, stream)).toContain("clean");
    const target = usedDisk(host, 64);
    await importFrom(host, stream, target);
    expect(isClean(target, "none")).toBe("clean");
    expect(inMounted(target, "none", lateFiles)).toBe("200\n200\ntext\ngone");
  });
});

describe("a damaged image", () => {
  it("leaves a disk that holds no filesystem, with the reason on it", async () => {
    const host = leakCheckedHost();
    const source = guestDisk(join(host.directory, "source"), { style: "msdos", type: "ext4", mib: 64 }, difficultTree);
    const bytes = readFileSync(await backup(host, source));
    const place = bytes.length - 200_000;
    bytes[place] = (bytes[place] ?? 0) ^ 1;
    const file = join(host.directory, "damaged");
    writeFileSync(file, bytes);
    const target = usedDisk(host, 64);
    await expect(importFrom(host, file, target)).rejects.toThrow(/its member blocks\/\d{16} is not what was exported/);
    expect(sh(`blkid -p "$1" || true`, target)).toBe("");
    expect(sh(`blkid -p --offset 1048576 "$1" || true`, target)).toBe("");
    expect(sh(`head -c 512 "$1" | tr -d '\\0'`, target)).toContain("is not what was exported");
  });
});
