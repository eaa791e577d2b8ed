import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { exportTo, importFrom, testInstance } from "../fixtures/backup.ts";
import { diskTree, guestDisk, inMounted, onFilesystem } from "../fixtures/guest-disk.ts";
import { leakCheckedHost } from "../fixtures/leaks.ts";
import { diskFile, loopOn, sh } from "../fixtures/loop-disk.ts";
import type { TestHost } from "../fixtures/test-host.ts";

const some = "head -c 3000000 /dev/urandom >random; mkdir d; echo text >d/file";

interface Stream {
  readonly role: string;
  readonly reason: string | undefined;
  readonly names: readonly string[];
}

function look(stream: string): Stream {
  const manifest = JSON.parse(
    sh(`tar --extract --to-stdout --file "$1" .ganeti-instance-debootstrap/manifest.json`, stream),
  ) as { disk: { role: string }; raw?: { reason: string } };
  const names = sh(`tar --list --file "$1"`, stream).split("\n");
  expect(names[0]).toBe(".ganeti-instance-debootstrap/manifest.json");
  expect(names.at(-1)).toBe(".ganeti-instance-debootstrap/sha256");
  return { role: manifest.disk.role, reason: manifest.raw?.reason, names };
}

/** Exports a disk, imports it onto one full of random bytes, and returns the new disk. */
async function throughRaw(host: TestHost, disk: string, reason: RegExp): Promise<string> {
  const stream = join(host.directory, "stream");
  const before = sh(`sha256sum <"$1"`, disk);
  await exportTo(host, disk, stream);
  expect(sh(`sha256sum <"$1"`, disk), "the source is not altered").toBe(before);
  const { role, reason: said } = look(stream);
  expect([role, said]).toEqual(["raw", expect.stringMatching(reason)]);
  const target = diskFile(join(host.directory, "target"), statSync(disk).size / 1024 ** 2);
  sh(`head -c 20M /dev/urandom | dd of="$1" bs=1M seek=3 conv=notrunc status=none`, target);
  await importFrom(host, stream, target);
  return target;
}

describe("what a tar cannot carry is taken raw", () => {
  it.each([
    ["fscrypt", ["-O", "encrypt"], /fscrypt/],
    ["fs-verity", ["-O", "verity"], /fs-verity/],
  ] as const)("ext4 with %s", async (_, mkfs, reason) => {
    const host = leakCheckedHost();
    const disk = guestDisk(join(host.directory, "disk"), { style: "none", type: "ext4", mib: 48, mkfs }, some);
    const target = await throughRaw(host, disk, reason);
    expect(diskTree(target, "none")).toEqual(diskTree(disk, "none"));
    expect(onFilesystem(target, "none", `e2fsck -fn "$loop" >/dev/null 2>&1 && echo clean`)).toBe("clean");
  });

  // Neither is mounted: not every kernel can.
  it.each([
    ["directories that ignore case", "-O casefold -E encoding=utf8", /casefold/],
    ["quota limits", "-O quota", /quotas/],
  ] as const)("ext4 with %s", async (_, mkfs, reason) => {
    const host = leakCheckedHost();
    const disk = diskFile(join(host.directory, "disk"), 48);
    sh(
      `mkdir "$2/tree"; head -c 3000000 /dev/urandom >"$2/tree/random"; mke2fs -q -F -t ext4 ${mkfs} -d "$2/tree" "$1"
      e2fsck -fy "$1" >/dev/null 2>&1 || true # counts the quotas`,
      disk,
      host.directory,
    );
    const target = await throughRaw(host, disk, reason);
    expect(sh(`e2fsck -fn "$1" >/dev/null 2>&1 && debugfs -R 'cat /random' "$1" 2>/dev/null | sha256sum`, target)).toBe(
      sh(`sha256sum <"$1"`, join(host.directory, "tree/random")),
    );
  });

  it("a filesystem that the node's tools cannot read", async () => {
    const host = leakCheckedHost();
    const disk = guestDisk(join(host.directory, "disk"), { style: "none", type: "ext4", mib: 24 }, some);
    // A feature of the future, and with it a checksum of the superblock that does not match.
    sh(`printf '\\100' | dd of="$1" bs=1 seek=$((1024 + 0x63)) conv=notrunc status=none`, disk);
    const target = await throughRaw(host, disk, /damaged, or made by newer tools/);
    expect(readFileSync(target).equals(readFileSync(disk))).toBe(true);
  });

  it("btrfs with subvolumes of the guest", async () => {
    const host = leakCheckedHost();
    const script = `${some}; btrfs -q subvolume create @home 2>/dev/null || btrfs subvolume create @home >/dev/null; echo x >@home/x`;
    const disk = guestDisk(join(host.directory, "disk"), { style: "msdos", type: "btrfs", mib: 200 }, script);
    const target = await throughRaw(host, disk, /subvolumes/);
    expect(inMounted(target, "msdos", "cat @home/x d/file; sha256sum <random")).toBe(
      inMounted(disk, "msdos", "cat @home/x d/file; sha256sum <random"),
    );
    expect(onFilesystem(target, "msdos", `btrfs check "$loop" >/dev/null 2>&1 && echo clean`)).toBe("clean");
  });

  it("xfs that ignores case", async () => {
    const host = leakCheckedHost();
    const disk = diskFile(join(host.directory, "disk"), 320);
    sh(
      `printf '/\n0 0\nd--755 0 0\nsh ---755 0 0 /bin/sh\n$\n' >"$2/proto"; mkfs.xfs -q -n version=ci -p "$2/proto" "$1"`,
      disk,
      host.directory,
    );
    const target = await throughRaw(host, disk, /ascii-ci/);
    expect(sh(`xfs_repair -n "$1" 2>&1 | tail -1; xfs_db -r -c 'path /sh' -c 'print core.size' "$1"`, target)).toBe(
      sh(`xfs_repair -n "$1" 2>&1 | tail -1; xfs_db -r -c 'path /sh' -c 'print core.size' "$1"`, disk),
    );
  });

  it("a disk with several partitions of the guest's own making, free space left out", async () => {
    const host = leakCheckedHost();
    const disk = diskFile(join(host.directory, "disk"), 160);
    sh(
      `printf 'label: dos\\nsize=64MiB, type=83\\nsize=16MiB, type=82\\ntype=83\\n' | sfdisk --quiet "$1"
      for at in "1 64" "81 79"; do set -- "$1" $at
        loop=$(losetup --find --show --offset $(($2 << 20)) --sizelimit $(($3 << 20)) "$1"); mke2fs -q -F -t ext4 $loop
        dir=$(mktemp -d); mount $loop $dir; head -c 2M /dev/urandom >$dir/kept; head -c 9M /dev/urandom >$dir/gone; sync -f $dir
        rm $dir/gone; umount $dir; rmdir $dir; detach_loop $loop
      done`,
      disk,
    );
    const target = await throughRaw(host, disk, /own making/);
    expect(statSync(join(host.directory, "stream")).size, "deleted data is left out").toBeLessThan(14 * 1024 ** 2);
    expect(inMounted(target, "msdos", "sha256sum <kept")).toBe(inMounted(disk, "msdos", "sha256sum <kept"));
    expect(sh(`sfdisk --dump "$1" | grep -v ^device`, target).replaceAll(target, "")).toBe(
      sh(`sfdisk --dump "$1" | grep -v ^device`, disk).replaceAll(disk, ""),
    );
  });

  it.each([
    ["unknown content", "head -c 5M /dev/urandom | dd of=$1 bs=1M seek=7 conv=notrunc status=none", /neither/],
    [
      "an LVM physical volume",
      "printf LABELONE | dd of=$1 bs=1 seek=512 conv=notrunc status=none; printf 'LVM2 001' | dd of=$1 bs=1 seek=536 conv=notrunc status=none; head -c 1M /dev/urandom | dd of=$1 bs=1M seek=20 conv=notrunc status=none",
      /raw|neither|LVM2/,
    ],
    [
      "LUKS",
      "printf 'LUKS\\272\\276\\000\\001' | dd of=$1 conv=notrunc status=none; printf '01234567-89ab-cdef-0123-456789abcdef' | dd of=$1 bs=1 seek=168 conv=notrunc status=none; head -c 3M /dev/urandom | dd of=$1 bs=1M seek=2 conv=notrunc status=none",
      /crypto_LUKS/,
    ],
    ["nothing but zeros", "true", /neither/],
  ] as const)("%s, byte for byte", async (_, script, reason) => {
    const host = leakCheckedHost();
    const disk = diskFile(join(host.directory, "disk"), 40);
    sh(script.replaceAll("$1", `"$1"`), disk);
    const target = await throughRaw(host, disk, reason);
    expect(readFileSync(target).equals(readFileSync(disk))).toBe(true);
  });
});

/** A filesystem with an unreplayed journal: a copy of the disk while it is mounted. */
function dirtyCopy(host: TestHost, type: "ext4" | "xfs", mib: number): string {
  const gone = "head -c 12M /dev/urandom >gone; sync; rm gone";
  const disk = guestDisk(join(host.directory, "mounted"), { style: "none", type, mib }, `${some}; ${gone}`);
  const copy = join(host.directory, "dirty");
  inMounted(
    disk,
    "none",
    `for i in $(seq 200); do echo $i >late-$i; done; rm random; sync; cp --sparse=always "$1" '${copy}'`,
  );
  return copy;
}

describe.each([
  ["ext4", 64],
  ["xfs", 320],
] as const)("an unreplayed journal of %s", (type, mib) => {
  it("is replayed where the disk is a snapshot", async () => {
    const host = leakCheckedHost();
    const snapshot = loopOn(dirtyCopy(host, type, mib));
    const stream = join(host.directory, "stream");
    await exportTo(host, snapshot, stream, { request: { instance: testInstance(["/dev/null"]) } });
    const { role, names } = look(stream);
    expect(role).toBe("root");
    expect(names.filter((name) => name.startsWith("root/late-"))).toHaveLength(200);
    expect(names).not.toContain("root/random");
  });

  it.each([
    ["it is the instance's own disk", (disk: string) => ({ instance: testInstance([disk]) })],
    ["the request is of API 5", () => ({ apiVersion: 5, instance: testInstance() }) as const],
  ])("travels raw and is replayed by the guest where %s", async (_, request) => {
    const host = leakCheckedHost();
    const disk = dirtyCopy(host, type, mib);
    const before = readFileSync(disk);
    const stream = join(host.directory, "stream");
    await exportTo(host, disk, stream, { request: request(disk) });
    expect(readFileSync(disk).equals(before), "the source is not altered").toBe(true);
    expect(look(stream)).toMatchObject({ role: "raw", reason: expect.stringMatching(/journal/) as string });
    if (type === "ext4") expect(statSync(stream).size, "deleted data is left out").toBeLessThan(12 * 1024 ** 2);
    const target = diskFile(join(host.directory, "target"), mib);
    await importFrom(host, stream, target);
    expect(
      inMounted(target, "none", "ls | grep -c late-; cat late-200 d/file; ls random 2>/dev/null || echo gone"),
    ).toBe("200\n200\ntext\ngone");
  });

  it("travels raw where the snapshot is read-only", async () => {
    const host = leakCheckedHost();
    const snapshot = loopOn(dirtyCopy(host, type, mib), "--read-only");
    const stream = join(host.directory, "stream");
    await exportTo(host, snapshot, stream, { request: { instance: testInstance(["/dev/null"]) } });
    expect(look(stream).role).toBe("raw");
  });
});

describe("a swap disk", () => {
  it("is only its manifest, and comes back with UUID and label", async () => {
    const host = leakCheckedHost();
    const disk = diskFile(join(host.directory, "disk"), 32);
    sh(`mkswap --quiet --label guests-swap "$1" 2>/dev/null || mkswap --label guests-swap "$1" >/dev/null`, disk);
    const stream = join(host.directory, "stream");
    await exportTo(host, disk, stream, { request: { diskIndex: 1 } });
    expect(look(stream)).toMatchObject({ role: "swap", names: { length: 2 } });
    const target = diskFile(join(host.directory, "target"), 64);
    await importFrom(host, stream, target, { request: { diskIndex: 1 } });
    const identity = `blkid -p -o value -s TYPE -s UUID -s LABEL "$1"`;
    expect(sh(identity, target)).toBe(sh(identity, disk));
  });
});
