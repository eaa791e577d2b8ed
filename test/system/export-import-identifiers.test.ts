import { closeSync, mkdirSync, openSync, readdirSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { exportTo, importFrom } from "../fixtures/backup.ts";
import { guestDisk, inMounted, onFilesystem } from "../fixtures/guest-disk.ts";
import { leakCheckedHost } from "../fixtures/leaks.ts";
import { diskFile, sh } from "../fixtures/loop-disk.ts";

const swapUuid = "abcdef01-1111-4222-8333-444444444444";
const espMarker = "ESP-UUID";

// As udev writes the ids of the tables that guestDisk makes.
const tableIds = { none: "", msdos: "5eed1234", gpt: "11111111-2222-4333-8444-555555555555" } as const;

// References by every name that the guest's own root and partitions have.
function tree(partuuid: string, style: keyof typeof tableIds): string {
  return `uuid=$(blkid -p -s UUID -o value $loop)
mkdir -p etc/udev/rules.d etc/default etc/initramfs-tools/conf.d etc/kernel boot/grub boot/extlinux boot/loader/entries
printf 'UUID=%s / auto defaults 0 1\\n"UUID=%s" /again auto bind\\nPARTUUID=${partuuid} /p auto x\\nUUID=${swapUuid} none swap sw\\n' $uuid \${uuid^^} >etc/fstab
chmod 600 etc/fstab; chown 7:8 etc/fstab; setfattr -n user.kept -v yes etc/fstab
printf 'search --fs-uuid --set=root %s\\nlinux /v root=UUID=%s\\n' $uuid $uuid >boot/grub/grub.cfg
printf 'APPEND root=PARTUUID=${partuuid}\\n' >boot/extlinux/extlinux.conf
printf 'root=/dev/disk/by-uuid/%s\\n' $uuid >etc/kernel/cmdline
printf 'options root=UUID=%s\\n' $uuid >boot/loader/entries/a.conf
printf 'x UUID=%s none\\n' $uuid >etc/crypttab
printf 'RESUME=UUID=${swapUuid}\\n' >etc/initramfs-tools/conf.d/resume
echo 'ENV{ID_PART_TABLE_UUID}=="${tableIds[style]}"' >etc/udev/rules.d/61-boot-disk.rules
printf 'not %s0 nor x%s' $uuid $uuid >etc/untouched; chattr +i etc/crypttab`;
}

describe("IMPORT_NEW_UUIDS", () => {
  it.each([
    ["ext4", "gpt", 160],
    ["xfs", "msdos", 320],
    ["btrfs", "none", 200],
  ] as const)("gives %s (%s) new identifiers and rewrites every reference", async (type, style, mib) => {
    const host = leakCheckedHost();
    const partuuid = style === "gpt" ? "aaaaaaaa-0000-4000-8000-000000000003" : "5eed1234-01";
    const source = guestDisk(join(host.directory, "source"), { style, type, mib }, tree(partuuid, style));
    const identity = (disk: string): string => onFilesystem(disk, style, `blkid -p -s UUID -o value "$loop"`);
    const uuid = identity(source);
    if (style === "gpt")
      sh(`printf '${espMarker} %s' "$2" | dd of="$1" bs=512 seek=71000 conv=notrunc status=none`, source, uuid);
    const stream = join(host.directory, "stream");
    await exportTo(host, source, stream);
    const target = diskFile(join(host.directory, "target"), mib + 16);
    await importFrom(host, stream, target, { config: { importNewUuids: true } });

    const newUuid = identity(target);
    expect(newUuid).not.toBe(uuid);
    const newPartuuid = partitionUuid(target, style) ?? partuuid;
    expect(newPartuuid === partuuid).toBe(style === "none");
    const all = inMounted(
      target,
      style,
      "cat etc/fstab boot/grub/grub.cfg boot/extlinux/extlinux.conf etc/kernel/cmdline boot/loader/entries/a.conf etc/crypttab etc/initramfs-tools/conf.d/resume",
    );
    expect(all.toLowerCase()).not.toContain(uuid);
    expect(all.split(newUuid)).toHaveLength(8);
    expect(all.split(newPartuuid)).toHaveLength(3);
    expect(all.split(swapUuid)).toHaveLength(3);
    const tableId = onFilesystem(target, "none", `blkid -p -s PTUUID -o value "$loop"`);
    expect(tableId === tableIds[style]).toBe(style === "none");
    expect(inMounted(target, style, "cat etc/udev/rules.d/61-boot-disk.rules")).toBe(
      `ENV{ID_PART_TABLE_UUID}=="${tableId}"`,
    );
    expect(inMounted(target, style, "cat etc/untouched")).toBe(`not ${uuid}0 nor x${uuid}`);
    expect(
      inMounted(
        target,
        style,
        "stat -c '%a %u:%g' etc/fstab; getfattr --only-values -n user.kept etc/fstab; lsattr etc/crypttab | cut -c5",
      ),
    ).toBe("600 7:8\nyesi");
    if (style === "gpt")
      expect(sh(`dd if="$1" bs=512 skip=71000 count=1 status=none | tr -d '\\0'`, target)).toBe(
        `${espMarker} ${newUuid}`,
      );
    expect(host.logged()).toContain("rewrote the references to disks in /etc/fstab");
  });
});

describe("the same identifiers", () => {
  it("are kept without the setting, with btrfs only where no other has them", async () => {
    const host = leakCheckedHost();
    const source = guestDisk(
      join(host.directory, "source"),
      { style: "none", type: "btrfs", mib: 200 },
      "mkdir etc; printf 'UUID=%s / btrfs x\\n' $(blkid -p -s UUID -o value $loop) >etc/fstab",
    );
    const stream = join(host.directory, "stream");
    await exportTo(host, source, stream);
    const target = diskFile(join(host.directory, "target"), 220);
    const identity = (disk: string): string => sh(`blkid -p -s UUID -o value "$1"`, disk);
    await importFrom(host, stream, target);
    expect(identity(target)).toBe(identity(source));

    const visible = sh(`losetup --find --show "$1"`, source);
    try {
      await importFrom(host, stream, target);
    } finally {
      sh(`detach_loop "$1"`, visible);
    }
    expect(identity(target)).not.toBe(identity(source));
    expect(inMounted(target, "none", "cat etc/fstab")).toBe(`UUID=${identity(target)} / btrfs x`);
  });
});

describe("import refuses, and leaves the disk untouched,", () => {
  it("a disk that is too small, in use or the wrong kind of sector", async () => {
    const host = leakCheckedHost();
    const source = guestDisk(
      join(host.directory, "source"),
      { style: "msdos", type: "ext4", mib: 100 },
      "head -c 40M /dev/urandom >x",
    );
    const stream = join(host.directory, "stream");
    await exportTo(host, source, stream);
    const target = diskFile(join(host.directory, "target"), 44);
    sh(`mke2fs -q -F "$1"`, target);
    const before = sh(`sha256sum <"$1"`, target);
    await expect(importFrom(host, stream, target)).rejects.toThrow(/too small.*44 MiB/);
    const held = openSync(target, "r");
    const loop = sh(`losetup --find --show "$1"`, target);
    try {
      await expect(importFrom(host, stream, target)).rejects.toThrow(/in use/);
    } finally {
      sh(`detach_loop "$1"`, loop);
      closeSync(held);
    }
    const sectors = sh(`losetup --find --show --sector-size 4096 "$1"`, diskFile(join(host.directory, "4k"), 200));
    try {
      await expect(importFrom(host, stream, sectors)).rejects.toThrow(/sectors of 4096 bytes/);
    } finally {
      sh(`detach_loop "$1"`, sectors);
    }
    expect(sh(`sha256sum <"$1"`, target)).toBe(before);
  });

  it.each([
    ["a partitioned ext4 with swap", "sfdisk, mkswap, tune2fs", "msdos", "ext4"],
    ["a btrfs", "mkfs.btrfs, blkdiscard", "none", "btrfs"],
    ["a compressed stream", "zstd", "none", "ext4"],
    ["a dump", "restore, blkid", "none", "ext4"],
  ] as const)("%s where the node lacks %s", async (what, names, style, type) => {
    const host = leakCheckedHost();
    const source = guestDisk(join(host.directory, "source"), { style, type, mib: 130 }, "touch x");
    const stream = join(host.directory, "stream");
    await exportTo(host, source, stream, {
      config: {
        exportFormat: what === "a dump" ? "dump" : "tar",
        exportCompression: what === "a compressed stream" ? "zstd" : "none",
      },
    });
    const target = diskFile(join(host.directory, "target"), 140);
    const swap = diskFile(join(host.directory, "swap"), 16);
    sh(`mke2fs -q -F "$1"; mke2fs -q -F "$2"`, target, swap);
    const sums = (): string => sh(`cat "$@" | sha256sum`, target, swap);
    const before = sums();
    const missing = names.split(", ");
    const poorer = { ...host, path: pathWithout(join(host.directory, "bin"), missing) };
    const refusal = importFrom(poorer, stream, target, { request: { swapDevice: swap } });
    await expect(refusal).rejects.toThrow(/^missing on this node: /);
    await expect(refusal).rejects.toThrow(new RegExp(missing.map((name) => `(?=.*\\b${name}\\b)`).join("")));
    expect(host.logged()).not.toMatch(/wiped/);
    expect(sums()).toBe(before);
    await importFrom(host, stream, target, { request: { swapDevice: swap } });
  });
});

/** A PATH on which all commands of this machine are but some. */
function pathWithout(directory: string, missing: readonly string[]): string {
  mkdirSync(directory);
  const places = ["/usr/sbin", "/usr/bin"].flatMap((place) => readdirSync(place).map((name) => [name, place] as const));
  for (const [name, place] of new Map(places))
    if (!missing.includes(name)) symlinkSync(join(place, name), join(directory, name));
  return directory;
}

function partitionUuid(disk: string, style: "none" | "msdos" | "gpt"): string | undefined {
  if (style === "none") return undefined;
  if (style === "msdos") return `${sh(`sfdisk --disk-id "$1"`, disk).slice(2)}-01`;
  return sh(`sfdisk --part-uuid "$1" 3`, disk).toLowerCase();
}
