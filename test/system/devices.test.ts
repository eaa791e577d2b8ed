import { randomBytes } from "node:crypto";
import { closeSync, openSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { attachDisk, type Disk } from "../../src/devices/disk.ts";
import { dumpSuperblock, extFeatures } from "../../src/filesystems/ext/dumpe2fs.ts";
import type { FilesystemType } from "../../src/filesystems/families.ts";
import { makeFilesystem } from "../../src/filesystems/make.ts";
import { probeFilesystem } from "../../src/filesystems/probe.ts";
import { openBelowLoop } from "../../src/devices/attach/loop.ts";
import { layOutDisk, openLayout, rootBytes } from "../../src/devices/lay-out.ts";
import { mountFilesystem } from "../../src/filesystems/mount.ts";
import { espPartition, readPartitionTable, rootPartition } from "../../src/devices/partitions/table.ts";
import { makeSwap } from "../../src/filesystems/swap.ts";
import { flattenSuppressed, messageOf } from "../../src/host/errors.ts";
import { leakCheckedHost } from "../fixtures/leaks.ts";
import { diskFile, loopOn, scarceDisk, sh } from "../fixtures/loop-disk.ts";
import type { TestHost } from "../fixtures/test-host.ts";

const mib = 1024 * 1024;
const msdos = { partitionStyle: "msdos", partitionAlignment: 2048, partitionMapper: "loop" } as const;
const gpt = { ...msdos, partitionStyle: "gpt" } as const;
const none = { ...msdos, partitionStyle: "none" } as const;

function newDisk(host: TestHost, sizeMib = 400, name = "disk"): string {
  return diskFile(join(host.directory, name), sizeMib);
}

/** Lays a disk out, makes a filesystem, writes a file, releases it all, and returns what is left on the disk. */
async function install(
  host: TestHost,
  path: string,
  layout: Parameters<typeof layOutDisk>[2],
  type: FilesystemType = "ext4",
): Promise<{ readonly uuid: string; readonly disk: Disk; readonly start: number; readonly size: number }> {
  await using disk = await attachDisk(host, path);
  await using root = await layOutDisk(host, disk, layout);
  const { uuid } = await makeFilesystem(host, root.device, { type, suite: "trixie" });
  await using target = await mountFilesystem(host, root.device, { type });
  writeFileSync(join(target.path, "hello"), "from the guest\n");
  return { uuid, disk, start: (root.partition?.startSector ?? 0) * disk.sectorSize, size: root.sizeBytes };
}

function readBack(path: string, start: number, sectorSize = 512): string {
  const device = loopOn(path, "--read-only", "--offset", String(start), "--sector-size", String(sectorSize));
  return sh(
    'm=$(mktemp -d); mount -o ro "$1" "$m"; cat "$m/hello"; umount "$m"; rmdir "$m"; blkid -p -s UUID -o value "$1"',
    device,
  );
}

const dirt: Readonly<Record<string, (path: string) => void>> = {
  "random bytes": (path) => {
    sh('dd if=/dev/urandom of="$1" bs=1M count=400 conv=notrunc status=none', path);
  },
  "an old gpt": (path) => {
    sh('printf "label: gpt\\nsize=50M\\nsize=50M\\n,\\n" | sfdisk --quiet "$1"', path);
  },
  "an old LVM signature": (path) => {
    const file = openSync(path, "r+");
    // The label of a physical volume: sector 1, "LABELONE", its sector number, and "LVM2 001" (lib/format_text/layout.h of LVM).
    writeSync(file, Buffer.from("LABELONE\x01\0\0\0\0\0\0\0\0\0\0\0\x20\0\0\0LVM2 001"), 0, 32, 512);
    closeSync(file);
  },
  "an earlier guest's filesystems": (path) => {
    sh('mkfs.btrfs -q -f "$1" >/dev/null 2>&1; mke2fs -q -F -t ext4 -E offset=$((2048*512)) "$1" 300M', path);
  },
  "an old swap area": (path) => {
    sh('mkswap -q "$1"', path);
  },
};

describe("a disk that held something else", () => {
  for (const [what, soil] of Object.entries(dirt)) {
    for (const layout of [none, msdos, gpt]) {
      test(`${what} gives way to style ${layout.partitionStyle}`, async () => {
        const host = leakCheckedHost();
        const path = newDisk(host);
        soil(path);
        const { uuid, start, size } = await install(host, path, layout);
        expect(readBack(path, start)).toBe(`from the guest\n${uuid}`);
        const label = sh('blkid -p -s PTTYPE -o value "$1" || true', path);
        expect(label).toBe({ none: "", msdos: "dos", gpt: "gpt" }[layout.partitionStyle]);
        const root = loopOn(path, "--offset", String(start), "--sizelimit", String(size));
        expect(sh('wipefs --noheadings --output TYPE "$1"', root)).toBe("ext4");
        expect(sh('e2fsck -fn "$1" 2>&1 | tail -1', root)).toMatch(/files/);
      });
    }
  }
});

describe("partition tables", () => {
  test("msdos has one bootable Linux partition that fills the disk", async () => {
    const host = leakCheckedHost();
    const path = newDisk(host);
    await install(host, path, msdos);
    await using disk = await attachDisk(host, path, { readOnly: true });
    expect(await readPartitionTable(host, disk.device)).toMatchObject({
      style: "msdos",
      sectorSize: 512,
      partitions: [{ number: 1, startSector: 2048, sectors: 400 * 2048 - 2048, type: "83", bootable: true }],
    });
  });

  test("the table read is the table written", async () => {
    const host = leakCheckedHost();
    for (const layout of [msdos, gpt]) {
      await using disk = await attachDisk(host, newDisk(host, 400, layout.partitionStyle));
      await using root = await layOutDisk(host, disk, layout);
      expect(await readPartitionTable(host, disk.device)).toEqual(root.table);
    }
  });

  test("gpt has a BIOS boot partition, an EFI system partition and a root that fills the disk", async () => {
    const host = leakCheckedHost();
    await using disk = await attachDisk(host, newDisk(host));
    await using root = await layOutDisk(host, disk, gpt);
    const table = await readPartitionTable(host, disk.device);
    expect(table?.partitions.map(({ number, startSector, sectors }) => [number, startSector, sectors])).toEqual([
      [1, 2048, 2048],
      [2, 4096, 131072],
      [3, 135168, 400 * 2048 - 33 - 135168],
    ]);
    expect(root.partition?.number).toBe(3);
    expect(root.sizeBytes).toBe(rootBytes(disk, gpt));
    expect(sh('sfdisk --verify "$1" 2>&1', disk.device)).toMatch(/No errors/);
  });

  test("identifiers of an earlier disk are put back", async () => {
    const host = leakCheckedHost();
    const identifiers = {
      id: "3D757D98-2B51-C643-860E-AFAF490A2B0E",
      partitions: [
        { uuid: "45e6937a-e45b-f343-b227-03edfa5b7684", name: 'a "quoted" name' },
        { uuid: "d1b46a1b-e7e1-ef4a-ac43-335c114f5f4d" },
        { uuid: "3243be81-eca9-6d40-bec5-d3eed067d418", name: "root" },
      ],
    };
    await using disk = await attachDisk(host, newDisk(host));
    await using root = await layOutDisk(host, disk, gpt, { identifiers });
    const table = await readPartitionTable(host, disk.device);
    expect(table?.id).toBe(identifiers.id);
    expect(table?.partitions.map(({ uuid }) => uuid)).toEqual(identifiers.partitions.map(({ uuid }) => uuid));
    expect(table?.partitions[0]?.name).toBe('a "quoted" name');
    expect(root.table?.id).toBe(identifiers.id);
  });

  test("an msdos disk id is put back", async () => {
    const host = leakCheckedHost();
    await using disk = await attachDisk(host, newDisk(host));
    await using root = await layOutDisk(host, disk, msdos, { identifiers: { id: "0x00c0ffee" } });
    expect(root.partition?.uuid).toBe("00c0ffee-01");
    expect(sh('sfdisk --disk-id "$1"', disk.device)).toBe("0x00c0ffee");
  });

  test("above 2 TiB msdos warns and gpt uses the whole disk", async () => {
    const host = leakCheckedHost();
    const path = newDisk(host, 3 * mib);
    await using disk = await attachDisk(host, path);
    {
      await using root = await layOutDisk(host, disk, msdos);
      expect(root.sizeBytes).toBe((2 ** 32 - 1 - 2048) * 512);
      expect(host.logged()).toMatch(/first 2 TiB.*PARTITION_STYLE=gpt/);
    }
    await using root = await layOutDisk(host, disk, gpt);
    expect(root.sizeBytes).toBeGreaterThan(2.9 * mib * mib);
  });

  test("a disk with 4096-byte sectors is addressed in its own sectors", async () => {
    const host = leakCheckedHost();
    for (const layout of [msdos, gpt]) {
      const file = newDisk(host, 400, layout.partitionStyle);
      const path = loopOn(file, "--sector-size", "4096");
      const { start, uuid } = await install(host, path, layout, "xfs");
      expect(start).toBeGreaterThanOrEqual(2048 * 4096);
      expect(sh('sfdisk --json "$1" | grep -c \'"start": 2048,\'', path)).toBe("1");
      expect(readBack(file, start, 4096)).toBe(`from the guest\n${uuid}`);
    }
  });

  test("an earlier layout is opened again and its root found", async () => {
    const host = leakCheckedHost();
    for (const layout of [none, msdos, gpt]) {
      const path = newDisk(host, 400, layout.partitionStyle);
      const { uuid } = await install(host, path, layout);
      await using disk = await attachDisk(host, path, { readOnly: true });
      await using root = await openLayout(host, disk, layout);
      expect(await probeFilesystem(host, root?.device ?? "")).toMatchObject({
        type: "ext4",
        uuid,
      });
    }
  });

  test("a table of the guest's own making has no root for us", async () => {
    const host = leakCheckedHost();
    const path = newDisk(host);
    sh('printf "label: dos\\nsize=100M\\nsize=100M\\n" | sfdisk --quiet "$1"', path);
    await using disk = await attachDisk(host, path, { readOnly: true });
    expect(await openLayout(host, disk, msdos)).toBeUndefined();
    const table = await readPartitionTable(host, disk.device);
    expect(table && espPartition(table)).toBeUndefined();
    expect(table && rootPartition(table)).toBeUndefined();
  });

  test("a disk too small for its partitions is refused untouched", async () => {
    const host = leakCheckedHost();
    const path = newDisk(host, 60);
    const before = sh('sha256sum <"$1"', path);
    await using disk = await attachDisk(host, path);
    await expect(layOutDisk(host, disk, gpt)).rejects.toThrow(/60 MiB is too small for a gpt table/);
    expect(sh('sha256sum <"$1"', path)).toBe(before);
  });
});

describe("filesystems", () => {
  for (const type of ["ext2", "ext3", "ext4", "xfs", "btrfs"] as const) {
    test(`${type} asked for is ${type} made, with the identity given`, async () => {
      const host = leakCheckedHost();
      await using disk = await attachDisk(host, newDisk(host));
      const uuid = "0f0f0f0f-1111-4222-8333-444444444444";
      await makeFilesystem(host, disk.device, { type, suite: "jessie", uuid, label: "a label" });
      expect(await probeFilesystem(host, disk.device)).toMatchObject({ type, uuid, label: "a label" });
    });
  }

  test("an older guest's ext4 has no feature that its tools do not know", async () => {
    const host = leakCheckedHost();
    await using disk = await attachDisk(host, newDisk(host));
    await makeFilesystem(host, disk.device, { type: "ext4", suite: "jessie" });
    const old = extFeatures(await dumpSuperblock(host, disk.device));
    await makeFilesystem(host, disk.device, { type: "ext4", suite: "trixie" });
    const current = extFeatures(await dumpSuperblock(host, disk.device));
    await makeFilesystem(host, disk.device, { type: "ext4", suite: "trixie", bootloader: "extlinux" });
    const extlinux = extFeatures(await dumpSuperblock(host, disk.device));
    expect([old.has("metadata_csum"), current.has("metadata_csum"), extlinux.has("metadata_csum")]).toEqual([
      false,
      true,
      false,
    ]);
    expect(extlinux.has("64bit")).toBe(false);
    expect(old.has("extent")).toBe(true);
  });

  test("a swap area has the UUID and label given", async () => {
    const host = leakCheckedHost();
    await using disk = await attachDisk(host, newDisk(host));
    const uuid = "0f0f0f0f-1111-4222-8333-444444444444";
    expect(await makeSwap(host, disk.device, { uuid, label: "swap" })).toEqual({ uuid, device: disk.device });
    expect(await probeFilesystem(host, disk.device)).toMatchObject({ type: "swap", uuid, label: "swap" });
  });

  test("an unknown content probes as nothing", async () => {
    const host = leakCheckedHost();
    const path = newDisk(host);
    writeFileSync(path, randomBytes(mib), { flag: "r+" });
    await using disk = await attachDisk(host, path);
    expect(await probeFilesystem(host, disk.device)).toBeUndefined();
  });
});

describe("mounts", () => {
  test("a guest's filesystem is mounted nosuid, nodev, noexec below a directory only root may enter", async () => {
    const host = leakCheckedHost();
    await using disk = await attachDisk(host, newDisk(host));
    await makeFilesystem(host, disk.device, { type: "ext4", suite: "trixie" });
    await using target = await mountFilesystem(host, disk.device, { type: "ext4", guestControlled: true });
    expect(statSync(join(target.path, "..")).mode & 0o777).toBe(0o700);
    expect(sh('findmnt --noheadings --output OPTIONS "$1"', target.path)).toMatch(/rw,nosuid,nodev,noexec/);
  });

  test("two filesystems with one UUID are mounted at the same time", async () => {
    const host = leakCheckedHost();
    await using first = await attachDisk(host, newDisk(host, 400, "first"));
    await makeFilesystem(host, first.device, { type: "xfs", suite: "trixie" });
    sh('sync "$1"; cp "$1" "$2"', first.device, join(host.directory, "second"));
    await using second = await attachDisk(host, join(host.directory, "second"));
    await using a = await mountFilesystem(host, first.device, { type: "xfs" });
    await using b = await mountFilesystem(host, second.device, { type: "xfs" });
    expect(a.path).not.toBe(b.path);
  });

  test("what was mounted below is unmounted too", async () => {
    const host = leakCheckedHost();
    await using disk = await attachDisk(host, newDisk(host));
    await makeFilesystem(host, disk.device, { type: "ext4", suite: "trixie" });
    await using target = await mountFilesystem(host, disk.device, { type: "ext4" });
    sh(
      'mkdir "$1/proc dir"; mount -t tmpfs none "$1/proc dir"; mkdir "$1/proc dir/x"; mount -t tmpfs none "$1/proc dir/x"',
      target.path,
    );
  });

  test("a short use of the mount point delays the unmount only", async () => {
    const host = leakCheckedHost();
    await using disk = await attachDisk(host, newDisk(host));
    await makeFilesystem(host, disk.device, { type: "ext4", suite: "trixie" });
    const target = await mountFilesystem(host, disk.device, { type: "ext4" });
    sh('cd "$1"; sleep 0.5 >/dev/null 2>&1 &', target.path);
    await target[Symbol.asyncDispose]();
  });

  test("a mount that fails leaves nothing", async () => {
    const host = leakCheckedHost();
    await using disk = await attachDisk(host, newDisk(host));
    await expect(mountFilesystem(host, disk.device, { type: "ext4" })).rejects.toThrow(/mount -t ext4/);
  });

  test("lost writes of a file disk on a full filesystem are an error", async () => {
    const host = leakCheckedHost();
    const path = scarceDisk(join(host.directory, "full"), 40, 300);
    const fill = async (): Promise<void> => {
      await using disk = await attachDisk(host, path);
      await makeFilesystem(host, disk.device, { type: "ext2", suite: "trixie" });
      await using target = await mountFilesystem(host, disk.device, { type: "ext2" });
      writeFileSync(join(target.path, "big"), randomBytes(100 * mib));
    };
    const failures = await fill().then(() => [], flattenSuppressed);
    expect(failures.map(messageOf).join("\n")).toMatch(/cannot write/);
  });
});

describe("what lies below a loop device", () => {
  const identity = (path: string): string => sh(`stat --dereference --format %d:%i:%t "$1"`, path);

  test("is its file, or its block device", async () => {
    const host = leakCheckedHost();
    const lower = loopOn(newDisk(host));
    const upper = loopOn(lower);
    const file = sh(`losetup --noheadings --output BACK-FILE "$1"`, lower);
    for (const [device, expected] of [
      [lower, file],
      [upper, lower],
    ] as const) {
      await using below = await openBelowLoop(device);
      expect(identity(`/proc/${String(process.pid)}/fd/${String(below?.fd)}`)).toBe(identity(expected));
    }
  });

  test("is not opened where its name leads nowhere, or to what is no file", async () => {
    const host = leakCheckedHost();
    const file = newDisk(host);
    const device = loopOn(file);
    rmSync(file);
    expect(await openBelowLoop(device)).toBeUndefined();
    // As the kernel calls it now.
    sh(`mkfifo "$1 (deleted)"`, file);
    expect(await openBelowLoop(device)).toBeUndefined();
  });
});

test("a path through a link is resolved, and the size is the device's", async () => {
  const host = leakCheckedHost();
  const file = newDisk(host);
  const link = join(host.directory, "link");
  symlinkSync(file, link);
  await using disk = await attachDisk(host, link);
  expect(disk).toMatchObject({ path: link, realPath: file, kind: "file", sizeBytes: 400 * mib, sectorSize: 512 });
  expect(readFileSync(`/sys/block/${disk.device.slice(5)}/loop/backing_file`, "utf8").trim()).toBe(file);
});
