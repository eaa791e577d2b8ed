import { statSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { exportTo, importFrom } from "../fixtures/backup.ts";
import { difficultTree, diskTree, guestDisk, onFilesystem, rootStart } from "../fixtures/guest-disk.ts";
import { diskFile, sh } from "../fixtures/loop-disk.ts";
import { testHost } from "../fixtures/test-host.ts";

interface Case {
  readonly type: "ext2" | "ext3" | "ext4" | "xfs" | "btrfs";
  readonly style: "none" | "msdos" | "gpt";
  readonly compression: "none" | "zstd" | "gzip";
  readonly from: number;
  readonly to: number;
}

// Each filesystem, style, compression and direction of size at least once.
const cases: readonly Case[] = [
  { type: "ext2", style: "none", compression: "none", from: 96, to: 160 },
  { type: "ext3", style: "msdos", compression: "gzip", from: 160, to: 96 },
  { type: "ext4", style: "none", compression: "zstd", from: 700, to: 200 },
  { type: "ext4", style: "msdos", compression: "none", from: 128, to: 600 },
  { type: "ext4", style: "gpt", compression: "gzip", from: 256, to: 300 },
  { type: "xfs", style: "none", compression: "none", from: 400, to: 500 },
  { type: "xfs", style: "gpt", compression: "zstd", from: 500, to: 420 },
  { type: "btrfs", style: "msdos", compression: "none", from: 300, to: 400 },
  { type: "btrfs", style: "none", compression: "gzip", from: 400, to: 300 },
];

describe("export and import", () => {
  it.each(cases)("bring back a $type tree ($style, $compression) from $from to $to MiB", async (options) => {
    const host = testHost();
    const { type, style, compression } = options;
    const source = guestDisk(join(host.directory, "source"), { style, type, mib: options.from }, difficultTree);
    const before = sh(`sha256sum <"$1"`, source);
    const stream = join(host.directory, "stream");
    await exportTo(host, source, stream, { config: { exportCompression: compression } });
    expect(sh(`sha256sum <"$1"`, source), "the source is not altered").toBe(before);

    const target = diskFile(join(host.directory, "target"), options.to);
    sh(`head -c 3M /dev/urandom | dd of="$1" conv=notrunc status=none`, target);
    await importFrom(host, stream, target);
    expect(diskTree(target, style)).toEqual(diskTree(source, style));
    expect(statSync(target).size).toBe(options.to * 1024 ** 2);
    expect(identity(target, style)).toEqual(identity(source, style));
    expect(check(target, options)).toMatch(/^clean/);
  });
});

describe("inode flags that work only on empty files", () => {
  it("come back on btrfs: files and directories without copy-on-write", async () => {
    const host = testHost();
    const script = `mkdir cow nocow nocow/below; chattr +C nocow nocow/below; head -c 100000 /dev/urandom >nocow/inherited
      touch 'cow/-own flag'; chattr +C 'cow/-own flag'; head -c 200000 /dev/urandom >'cow/-own flag'; ln 'cow/-own flag' cow/link
      echo plain >cow/plain; chattr +c cow/plain; touch -d '2012-01-01' cow nocow 'cow/-own flag'`;
    const source = guestDisk(join(host.directory, "source"), { style: "none", type: "btrfs", mib: 200 }, script);
    const stream = join(host.directory, "stream");
    await exportTo(host, source, stream);
    const target = diskFile(join(host.directory, "target"), 220);
    await importFrom(host, stream, target);
    const lines = diskTree(target, "none");
    expect(lines).toEqual(diskTree(source, "none"));
    expect(lines.filter((line) => /^ +0 -+C-* /.test(line))).toHaveLength(5);
  });
});

// UUID, label, table without sizes, and the boot area byte for byte.
function identity(disk: string, style: Case["style"]): string {
  const filesystem = onFilesystem(disk, style, `blkid -p -o value -s TYPE -s UUID -s LABEL "$loop"`);
  const table =
    style === "none"
      ? ""
      : sh(`sfdisk --dump "$1" | sed 's/^.* : //; s/size= *[0-9]*//; /^device\\|^first-lba\\|^last-lba/d'`, disk);
  const end = style === "msdos" ? rootStart.msdos : style === "gpt" ? rootStart.gpt : 0;
  const skip = style === "gpt" ? 34 * 512 : 512;
  const boot = sh(
    `{ head -c 440 "$1"; head -c "$2" "$1" | tail -c +"$3"; } | sha256sum`,
    disk,
    String(end),
    String(skip + 1),
  );
  return [filesystem, table, style === "none" ? "" : boot].join("\n");
}

function check(disk: string, { type, style }: Case): string {
  const command = type === "xfs" ? "xfs_repair -n" : type === "btrfs" ? "btrfs check" : "e2fsck -fn";
  return onFilesystem(disk, style, `${command} "$loop" >/dev/null 2>&1 && echo clean`);
}
