import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { quoteArgv } from "../../src/host/errors.ts";
import { installOs } from "../fixtures/installed-os.ts";
import { emptyDisk, expectHealthy, guestMac, guestVariables } from "../fixtures/vm-guests.ts";
import {
  asGaneti,
  backups,
  bootableCache,
  bootablePlan,
  nodeDisk,
  raidChunkBytes,
  startNode,
} from "../fixtures/vm-node.ts";
import { startVm, type Vm } from "../fixtures/vm.ts";

// What the kernel of a build machine may lack: device-mapper, udev, partition devices. All on one node that is started
// once; each test leaves nothing behind on it, or the next one fails.

const minutes = 60;
const os = installOs();
let directory: string;
let started: Vm | undefined;
let vm: Vm;

beforeAll(async () => {
  directory = mkdtempSync(join(process.env["GID_VM_SCRATCH"] ?? tmpdir(), "gid-vm-"));
  const node = await nodeDisk(os, directory);
  const disks = [2048, 3072].map((sizeMiB, index) => emptyDisk(join(directory, `data${String(index)}.img`), sizeMiB));
  started = startNode(node, directory, disks);
  vm = started;
  await vm.login();
});

afterAll(async () => {
  try {
    await using node = started;
    await node?.powerOff();
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
});

/** Loop devices, device-mapper's nodes, mounts of ours, our processes and journals on the node. */
async function leftovers(): Promise<string> {
  return await vm.succeed(
    [
      "losetup --all",
      "dmsetup ls | grep -v '^No devices'",
      "grep -c ganeti /proc/mounts",
      "find /run/ganeti-instance-debootstrap -mindepth 2 -not -path '*/locks/*' 2>/dev/null",
      "pgrep -f ganeti/os",
      "true",
    ].join("; "),
  );
}

let before: string;
beforeEach(async () => {
  before = await leftovers();
});
afterEach(async () => {
  expect(await leftovers()).toBe(before);
});

/** Hostname and root's fstab entry of the guest in a partition, read on the node. */
async function guestOn(partition: string): Promise<string> {
  return await vm.succeed(`mount -o ro ${partition} /mnt && cat /mnt/etc/hostname /mnt/etc/fstab; umount /mnt`);
}

/** The hints for a RAID in the filesystem on a device, in blocks. */
async function stripesOn(device: string): Promise<readonly number[]> {
  const dump = await vm.succeed(`dumpe2fs -h ${device} 2>/dev/null`);
  return ["RAID stride", "RAID stripe width"].map((label) =>
    Number(new RegExp(`^${label}: +(\\d+)`, "m").exec(dump)?.[1] ?? 0),
  );
}

/** Those that mke2fs would give it. */
async function plainStripes(device: string): Promise<readonly number[]> {
  const said = await vm.succeed(`mke2fs -n -v -F -t ext4 ${device} 2>/dev/null`);
  const stripes = (/Stride=(\d+) blocks, Stripe width=(\d+) blocks/.exec(said) ?? []).slice(1).map(Number);
  expect(stripes[0]).toBe(raidChunkBytes / 4096);
  return stripes;
}

describe.each([
  { style: "msdos", number: "1" },
  { style: "gpt", number: "3" },
])("on a node with device-mapper and udev, on $style disks", ({ style, number }) => {
  test("create installs through kpartx", async () => {
    // By the image once: it is written past the page cache, to a map that kpartx made.
    const images = style === "gpt" ? "yes" : "no";
    await vm.succeed(
      `echo 'PARTITION_STYLE=${style}\nIMAGE_CACHE=${images}' >/etc/default/ganeti-instance-debootstrap`,
    );
    const log = await vm.succeed(asGaneti("create", "/dev/vdb"), 15 * minutes);
    expect(log).toMatch(/run kpartx -a -s/);
    expect(/run resize2fs/.test(log)).toBe(images === "yes");
    await vm.succeed("partx --update /dev/vdb; udevadm settle");
    if (images === "yes") expect(await stripesOn(`/dev/vdb${number}`)).toEqual(await plainStripes(`/dev/vdb${number}`));
    const uuid = await vm.succeed(`blkid -p -o value -s UUID /dev/vdb${number}`);
    const guest = await guestOn(`/dev/vdb${number}`);
    expect(guest).toMatch(/^inner\.example\.com\n/);
    expect(guest).toContain(`UUID=${uuid} / ext4`);
  });

  test("a swap device that is a partition of the disk is refused before either is touched", async () => {
    const sum = "head -c 8M /dev/vdb | sha256sum";
    const untouched = await vm.succeed(sum);
    const argv = `-i inner.example.com -b /dev/vdb -s /dev/vdb${number}`;
    const refused = await vm.run(`cd /srv/ganeti/os/debootstrap && ./create ${argv}`, 5 * minutes);
    expect(refused.status).toBe(1);
    expect(refused.output).toContain(`/dev/vdb${number} is a partition of /dev/vdb`);
    expect(await vm.succeed(sum)).toBe(untouched);
  });

  test("export and import restore it on a larger disk", async () => {
    const variables = { EXPORT_DEVICE: "/dev/vdb", EXPORT_INDEX: "0" };
    const out = `>${backups}/0 2>/root/log`;
    await vm.succeed(
      `${asGaneti("export", "/dev/vdb", variables, out)} || { tail -n 20 /root/log; false; }`,
      15 * minutes,
    );
    expect(await vm.succeed(`tar -tf ${backups}/0 | head -n 1`)).toBe(".ganeti-instance-debootstrap/manifest.json");
    const target = { IMPORT_DEVICE: "/dev/vdc", IMPORT_INDEX: "0" };
    await vm.succeed(asGaneti("import", "/dev/vdc", target, `<${backups}/0`), 15 * minutes);
    await vm.succeed("partx --update /dev/vdc; udevadm settle");
    expect(await guestOn(`/dev/vdc${number}`)).toBe(await guestOn(`/dev/vdb${number}`));
    const sizes = await vm.succeed(`lsblk -bno SIZE /dev/vdb${number} /dev/vdc${number}`);
    const [small = 0, large = 0] = sizes.split("\n").map(Number);
    expect(large).toBeGreaterThan(small);
  });

  test("rename gives it another name", async () => {
    const variables = { OLD_INSTANCE_NAME: "inner.example.com", INSTANCE_NAME: "renamed.example.com" };
    await vm.succeed(asGaneti("rename", "/dev/vdc", variables), 10 * minutes);
    expect(await guestOn(`/dev/vdc${number}`)).toMatch(/^renamed\.example\.com\n/);
  });

  test("a run that was killed leaves nothing that the next one does not clear away", async () => {
    const mapped = "until dmsetup ls | grep -q vdb; do sleep 0.2; done";
    await vm.succeed(
      `${asGaneti("create", "/dev/vdb")} >/root/killed 2>&1 & run=$!; timeout 300 sh -c '${mapped}' && kill -KILL $run; sleep 3; dmsetup ls`,
      10 * minutes,
    );
    expect(await vm.succeed("dmsetup ls")).toContain("vdb");
    await vm.succeed(asGaneti("create", "/dev/vdb"), 15 * minutes);
    await vm.succeed("partx --update /dev/vdb; udevadm settle");
    expect(await guestOn(`/dev/vdb${number}`)).toMatch(/^inner\.example\.com\n/);
  });

  test.each([
    ["made no table", "", ""],
    [
      "not put the table to use",
      'dmsetup load vdb1 --table "0 2048 linear $number 2048" &&',
      "vdb1: 0 2048 linear NUMBER 2048",
    ],
  ])("a map of which a killed kpartx had %s is cleared away by the next run", async (_, load, loaded) => {
    // As kpartx names it, in the moment between two of its ioctls.
    const halfway = `number=$(lsblk -rdno MAJ:MIN /dev/vdb)
dmsetup create vdb1 --notable --uuid part1-devnode_"$number"_Wh5pYvM && ${load} touch /root/halfway
exec sleep 300`;
    await vm.succeed("rm -f /root/halfway");
    await vm.succeed(`printf '#!/bin/sh\n%s\n' ${quoteArgv([halfway])} >/root/fake && chmod +x /root/fake`);
    await vm.succeed("mount --bind /root/fake /usr/sbin/kpartx");
    await vm.succeed(
      `${asGaneti("create", "/dev/vdb")} >/root/killed 2>&1 & run=$!; timeout 300 sh -c 'until test -e /root/halfway; do sleep 0.2; done'; kill -KILL $run; sleep 3; umount /usr/sbin/kpartx; test -e /root/halfway`,
      10 * minutes,
    );
    const number = await vm.succeed("lsblk -rdno MAJ:MIN /dev/vdb");
    expect((await vm.succeed("dmsetup table")).trim()).toBe("vdb1:");
    const waiting = (await vm.succeed("dmsetup table --inactive")).trim();
    expect(waiting).toBe(loaded === "" ? "vdb1:" : loaded.replace("NUMBER", number.trim()));
    const log = await vm.succeed(asGaneti("create", "/dev/vdb"), 15 * minutes);
    expect(log).toContain("partition map of /dev/vdb");
    expect(await vm.succeed("dmsetup ls")).not.toContain("vdb1");
  });

  test.each([
    ["0.16", "-"],
    ["0.17", "-part"],
  ])(
    "a map left by the old scripts' version %s is named, with the way to remove it, before the disk is touched",
    async (_, separator) => {
      const sum = "head -c 8M /dev/vdb | sha256sum";
      await vm.succeed(`kpartx -a -s -p ${separator} /dev/vdb`);
      const untouched = await vm.succeed(sum);
      const refused = await vm.run(asGaneti("create", "/dev/vdb"), 5 * minutes);
      expect(refused.status).toBe(1);
      const remedies = [...refused.output.matchAll(/dmsetup remove (vdb\S*\d)/g)].map(([, name]) => name ?? "");
      expect(remedies).toContain(`vdb${separator}${number}`);
      expect(await vm.succeed(sum)).toBe(untouched);
      await vm.succeed([...new Set(remedies)].map((name) => `dmsetup remove ${name}`).join(" && "));
      expect(await vm.succeed("dmsetup ls")).not.toContain("vdb");
    },
  );
});

test("a guest with grub that was installed through kpartx boots", async () => {
  const settings = `PARTITION_STYLE=gpt\nBOOTLOADER=grub\nIMAGE_CACHE=no\nCACHE_DIR=${bootableCache}`;
  await vm.succeed(`echo '${settings}' >/etc/default/ganeti-instance-debootstrap`);
  const instance = guestVariables(bootablePlan, "/dev/vdb");
  await vm.succeed(asGaneti("create", "/dev/vdb", instance), 15 * minutes);
  await vm.succeed("sync");
  // The node's machine keeps its own image locked.
  const copy = join(directory, "copy.img");
  execFileSync("cp", ["--sparse=always", join(directory, "data0.img"), copy]);
  await using guest = startVm({ disks: [copy], mac: guestMac });
  await guest.login();
  await expectHealthy(guest, bootablePlan);
});
