import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, constants, linkSync, openSync, statSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { attachDisk } from "../../src/devices/disk.ts";
import { attachDiskSet } from "../../src/devices/disk-set.ts";
import { makeFilesystem } from "../../src/filesystems/make.ts";
import { leakCheckedHost } from "../fixtures/leaks.ts";
import { diskFile, loopOn, sh } from "../fixtures/loop-disk.ts";
import type { TestHost } from "../fixtures/test-host.ts";

function newDisk(host: TestHost, name = "disk"): string {
  return diskFile(join(host.directory, name), 64);
}

/** Runs a shell script until the test ends; waits for its first line. */
async function meanwhile(script: string, ...args: readonly string[]): Promise<void> {
  const child = spawn("bash", ["-euc", `${script}; echo ready; read -r _ || true`, "bash", ...args], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  onTestFinished(async () => {
    child.stdin.end();
    if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
  });
  const [said] = (await once(child.stdout.setEncoding("utf8"), "readable").then(() => [child.stdout.read()])) as [
    unknown,
  ];
  if (said === null) throw new Error(`it ended before it was ready: ${script}`);
}

async function refusal(host: TestHost, path: string): Promise<{ readonly message: string; readonly hint: string }> {
  const error: unknown = await attachDisk(host, path, { waitSeconds: 0 }).then(
    async (disk) => {
      await disk[Symbol.asyncDispose]();
      return new Error("it was not refused");
    },
    (error: unknown) => error,
  );
  return error as { readonly message: string; readonly hint: string };
}

async function formatted(host: TestHost, path: string): Promise<void> {
  await using disk = await attachDisk(host, path);
  await makeFilesystem(host, disk.device, { type: "ext4", suite: "trixie" });
}

test("a mounted disk is refused, naming the mount point", async () => {
  const host = leakCheckedHost();
  const disk = loopOn(newDisk(host));
  await formatted(host, disk);
  const at = join(host.directory, "at");
  sh('mkdir "$2"; mount "$1" "$2"', disk, at);
  onTestFinished(() => {
    execFileSync("umount", [at]);
  });
  const { message, hint } = await refusal(host, disk);
  expect(message).toBe(`disk ${disk} is in use: mounted at ${at}`);
  expect(hint).toMatch(/unmount/);
});

test("a disk mounted in another mount namespace is refused, naming the process", async () => {
  const host = leakCheckedHost();
  const disk = loopOn(newDisk(host));
  await formatted(host, disk);
  await meanwhile('exec unshare --mount bash -euc "mount $1 /mnt; echo ready; read -r _ || true"', disk);
  const { message } = await refusal(host, disk);
  expect(message).toMatch(/mounted at \/mnt in the mount namespace of bash \(pid \d+\)/);
});

test("a disk mounted where our caller sees it is said to be so, whoever else sees it", () => {
  const host = leakCheckedHost();
  const directory = host.directory;
  const disk = loopOn(diskFile(join(directory, "disk"), 16));
  const mountPoint = join(directory, "mnt");
  sh('mkfs.ext2 -q "$1"; mkdir "$2"; mount "$1" "$2"', disk, mountPoint);
  onTestFinished(() => void sh('umount "$1"', mountPoint));
  const program = `import { mountUsers } from ${JSON.stringify(join(import.meta.dirname, "../../src/devices/kernel/device-users.ts"))};
    import { blockDeviceNumber } from ${JSON.stringify(join(import.meta.dirname, "../../src/devices/kernel/block-device.ts"))};
    process.stdout.write(JSON.stringify(mountUsers(new Set([blockDeviceNumber(${JSON.stringify(disk)})]))));`;
  const node = [process.execPath, "--import", "tsx", "--input-type=module", "--eval", program];
  const said = execFileSync("unshare", ["--mount", "--propagation", "private", ...node], { encoding: "utf8" });
  expect(JSON.parse(said)).toEqual([`mounted at ${mountPoint}`]);
});

test("a disk of which a part is mounted through an offset loop device in another namespace is refused", async () => {
  const host = leakCheckedHost();
  const disk = loopOn(newDisk(host));
  const part = loopOn(disk, "--offset", "1048576");
  sh('mke2fs -q -F -t ext4 "$1"', part);
  await meanwhile('exec unshare --mount bash -euc "mount $1 /mnt; echo ready; read -r _ || true"', part);
  const { message, hint } = await refusal(host, disk);
  expect(message).toMatch(
    `the loop device ${part} begins at byte 1048576 of it: mounted at /mnt in the mount namespace`,
  );
  expect(hint).toMatch(`losetup --detach ${part}`);
});

test("a loop device on the disk is seen through another device node of it", async () => {
  const host = leakCheckedHost();
  const disk = loopOn(newDisk(host));
  const alias = join(host.directory, "alias");
  const { rdev } = statSync(disk);
  execFileSync("mknod", [alias, "b", String((rdev >> 8) & 0xfff), String((rdev & 0xff) | ((rdev >> 12) & 0xfff00))]);
  const part = loopOn(alias);
  expect((await refusal(host, disk)).message).toMatch(`the loop device ${part} begins at it`);
});

test("a file that a loop device shows already is refused, under any of its names", async () => {
  const host = leakCheckedHost();
  const file = newDisk(host);
  const device = loopOn(file);
  for (const [name, link] of [
    ["link", symlinkSync],
    ["other name", linkSync],
  ] as const) {
    link(file, join(host.directory, name));
    expect((await refusal(host, join(host.directory, name))).message).toMatch(`the loop device ${device} begins at it`);
  }
});

test("a file that a loop device shows is refused after it was moved", async () => {
  const host = leakCheckedHost();
  const file = newDisk(host);
  const device = loopOn(file);
  sh('mv "$1" "$1-moved"', file);
  expect((await refusal(host, `${file}-moved`)).message).toMatch(`the loop device ${device}`);
});

test("a disk that is swapped on is refused", async () => {
  const host = leakCheckedHost();
  const disk = loopOn(newDisk(host));
  sh('mkswap -q "$1"; swapon "$1"', disk);
  onTestFinished(() => {
    execFileSync("swapoff", [disk]);
  });
  const { message, hint } = await refusal(host, disk);
  expect(message).toBe(`disk ${disk} is in use: ${disk} is swapped on`);
  expect(hint).toBe(`swapoff ${disk}`);
});

test("a disk that a process holds exclusively is refused, naming the process", async () => {
  const host = leakCheckedHost();
  const disk = loopOn(newDisk(host));
  const holder = openSync(disk, constants.O_RDONLY | constants.O_EXCL);
  onTestFinished(() => {
    closeSync(holder);
  });
  expect((await refusal(host, disk)).message).toMatch(`held exclusively: open in node (pid ${String(process.pid)})`);
});

test("a disk on which an emulator holds its image lock is refused", async () => {
  const host = leakCheckedHost();
  const file = newDisk(host);
  // struct flock of x86-64 and arm64: type F_RDLCK, whence, start 100, length 1, pid.
  const lock =
    'open(F, "+<", shift) or die; $lock = pack("s s x4 q q l x4", 0, 0, 100, 1, 0);' +
    ' fcntl(F, 6, $lock) or die; $| = 1; print "x"; <STDIN>';
  await meanwhile(`perl -e '${lock}' "$1"`, file);
  expect((await refusal(host, file)).message).toMatch(/an emulator holds its image lock/);
});

test("two runs on one disk by two names exclude each other", async () => {
  const host = leakCheckedHost();
  const file = newDisk(host);
  symlinkSync(file, join(host.directory, "link"));
  linkSync(file, join(host.directory, "other"));
  await using _ = await attachDisk(host, file);
  for (const name of ["link", "other"]) {
    expect((await refusal(host, join(host.directory, name))).message).toMatch(/another run is working on disk/);
  }
});

test("an instance's disks are taken together or not at all, and what is wrong with several is one error", async () => {
  const host = leakCheckedHost();
  const [disk, swap, further] = [newDisk(host, "disk"), newDisk(host, "swap"), newDisk(host, "data")];
  const [busyDisk, busySwap] = [loopOn(newDisk(host, "busy")), loopOn(newDisk(host, "busy-swap"))];
  for (const busy of [busyDisk, busySwap]) loopOn(busy);
  await expect(attachDiskSet(host, { root: busyDisk, swap: busySwap })).rejects.toThrow(
    new RegExp(`disk ${busyDisk} is in use: the loop device .*; disk ${busySwap} is in use: the loop device `),
  );
  await expect(attachDiskSet(host, { root: disk, data: [busySwap] })).rejects.toThrow(`disk ${busySwap} is in use`);
  await using disks = await attachDiskSet(host, { root: disk, swap, data: [further] });
  expect([disks.root.path, disks.swap?.path, ...disks.data.map(({ path }) => path)]).toEqual([disk, swap, further]);
  await expect(attachDiskSet(host, { root: disk })).rejects.toThrow(/another run is working on disk/);
});

test("a disk is free again after its release", async () => {
  const host = leakCheckedHost();
  const file = newDisk(host);
  for (const disk of [file, loopOn(newDisk(host, "block"))]) {
    for (let round = 0; round < 3; round++) await formatted(host, disk);
  }
});

test("a read-only device is refused for writing and taken for reading", async () => {
  const host = leakCheckedHost();
  const disk = loopOn(newDisk(host), "--read-only");
  expect((await refusal(host, disk)).message).toMatch(/is read-only/);
  await using taken = await attachDisk(host, disk, { readOnly: true });
  expect(taken.device).toBe(disk);
});

test("what is no disk is refused by its kind", async () => {
  const host = leakCheckedHost();
  expect((await refusal(host, join(host.directory, "absent"))).message).toMatch(/cannot be found/);
  expect((await refusal(host, "/dev/null")).message).toMatch(/neither a block device nor a regular file/);
  expect((await refusal(host, host.directory)).message).toMatch(/neither a block device nor a regular file/);
  expect((await refusal(host, diskFile(join(host.directory, "empty"), 0))).message).toMatch(/an empty file/);
});
