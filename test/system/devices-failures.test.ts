import { spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, mkdirSync, openSync, readdirSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { attachDisk } from "../../src/devices/disk.ts";
import { makeFilesystem } from "../../src/filesystems/make.ts";
import { layOutDisk } from "../../src/devices/lay-out.ts";
import { attachLoop, detachLoop } from "../../src/devices/attach/loop.ts";
import { readLoops } from "../../src/devices/attach/loop-state.ts";
import { unmountBelow } from "../../src/devices/attach/mount.ts";
import { mountFilesystem } from "../../src/filesystems/mount.ts";
import { type ByteRange, emptyRanges } from "../../src/devices/blocks/wipe.ts";
import { flattenSuppressed, Interrupted, messageOf } from "../../src/host/errors.ts";
import type { Host } from "../../src/host/host.ts";
import { leakCheckedHost } from "../fixtures/leaks.ts";
import { diskFile, sh } from "../fixtures/loop-disk.ts";
import { fakeCommands } from "../fixtures/test-host.ts";

const msdos = { partitionStyle: "msdos", partitionAlignment: 2048, partitionMapper: "loop" } as const;

async function install(host: Host, path: string, atEnd: () => void = () => undefined): Promise<void> {
  await using disk = await attachDisk(host, path);
  await using root = await layOutDisk(host, disk, msdos);
  await makeFilesystem(host, root.device, { type: "ext4", suite: "trixie" });
  await using _ = await mountFilesystem(host, root.device, { type: "ext4" });
  atEnd();
}

const mebibyte = 1024 * 1024;
const fails = "echo 'it broke' >&2; exit 1";
const drill: Readonly<Record<string, readonly [command: string, script: string]>> = {
  "locking the disk": ["flock", fails],
  "attaching the disk": ["losetup", fails],
  "writing the table": ["sfdisk", fails],
  "mapping the partition": ["losetup", `case "$*" in *--offset*) ${fails};; esac; exec /sbin/losetup "$@"`],
  "mapping the partition, with the kernel's part done": [
    "losetup",
    `/sbin/losetup "$@"; case "$*" in *--offset*) ${fails};; esac`,
  ],
  "making the filesystem": ["mke2fs", fails],
  "mounting it": ["mount", fails],
  "mounting it, with the kernel's part done": ["mount", `/bin/mount "$@"; ${fails}`],
  "writing everything out": ["sync", fails],
};

for (const [step, [command, script]] of Object.entries(drill)) {
  test(`when ${step} fails, all that was held is released and the error is ${command}'s`, async () => {
    const host = leakCheckedHost();
    const path = diskFile(join(host.directory, "disk"), 64);
    const faulty = { ...host, path: fakeCommands({ [command]: script }).path };
    const errors = await install(faulty, path).then(() => [], flattenSuppressed);
    expect(errors.map(messageOf)).toEqual([expect.stringMatching(new RegExp(`${command} [\\s\\S]*it broke`))]);
    await install(host, path);
  });
}

test("parts that the device refuses to discard are left, those to be zeros are zeros", async () => {
  const host = leakCheckedHost();
  const path = diskFile(join(host.directory, "disk"), 16);
  sh('dd if=/dev/urandom of="$1" bs=1M count=16 conv=notrunc status=none', path);
  const before = readFileSync(path);
  await using loop = await attachLoop(host, path, { offset: 0, sizeLimit: 0 });
  const refuses = fakeCommands({ blkdiscard: `[ "$1" = --zeroout ] || { ${fails}; }; exec /sbin/blkdiscard "$@"` });
  const zeros: readonly ByteRange[] = Array.from({ length: 1100 }, (_, index) => [index * 8192, 4096]);
  const discarded: readonly ByteRange[] = [
    [12 * mebibyte, mebibyte],
    [14 * mebibyte, mebibyte],
  ];
  await emptyRanges({ ...host, path: refuses.path }, loop.device, { zeros, discarded });
  expect(host.logged()).toMatch(/cannot be discarded: .*it broke/);
  // The first refusal was the last attempt.
  expect(refuses.calls().filter((call) => !call.includes("--zeroout"))).toHaveLength(1);
  for (const [start, bytes] of zeros) before.fill(0, start, start + bytes);
  expect(readFileSync(loop.device).equals(before)).toBe(true);
  await emptyRanges(host, loop.device, { zeros: [], discarded });
  for (const [start, bytes] of discarded) before.fill(0, start, start + bytes);
  expect(readFileSync(path).equals(before)).toBe(true);
});

test("zeros that cannot be written are an error that names the device", async () => {
  const host = leakCheckedHost();
  await using loop = await attachLoop(host, diskFile(join(host.directory, "disk"), 16), { offset: 0, sizeLimit: 0 });
  // With the status by which the shell tells of a refused discard.
  const faulty = { ...host, path: fakeCommands({ blkdiscard: "echo 'it broke' >&2; exit 3" }).path };
  const emptying = emptyRanges(faulty, loop.device, { zeros: [[0, 4096]], discarded: [[8192, 4096]] });
  await expect(emptying).rejects.toThrow(`cannot write zeros to ${loop.device}: it broke`);
});

test("a signal ends the run, and all that was held is released", async () => {
  const host = leakCheckedHost();
  const path = diskFile(join(host.directory, "disk"), 64);
  const signalled = install(host, path, () => {
    host.abort(new Interrupted("SIGTERM"));
    throw host.signal.reason;
  });
  await expect(signalled).rejects.toThrow("interrupted by SIGTERM");
});

test("a disk file that vanishes while a run works on it is said once, makes no loop devices, and nothing is held", async () => {
  const host = leakCheckedHost();
  const path = diskFile(join(host.directory, "disk"), 64);
  const before = readdirSync("/dev").filter((name) => name.startsWith("loop"));
  const work = async (): Promise<void> => {
    await using disk = await attachDisk(host, path);
    rmSync(path);
    await using _ = await layOutDisk(host, disk, msdos);
  };
  const errors = await work().then(() => [], flattenSuppressed);
  expect(errors.map(messageOf)).toEqual([
    `${path} does not exist, so a loop device cannot be put on it`,
    `disk ${path} was removed, renamed or replaced while this run worked on it`,
  ]);
  expect(readLoops().filter(({ backing }) => backing.startsWith(path))).toEqual([]);
  const made = readdirSync("/dev").filter((name) => name.startsWith("loop") && !before.includes(name));
  expect(made.length).toBeLessThan(2);
});

test("a mount that reports success and mounts nothing ends the run before anything is written", async () => {
  const host = leakCheckedHost();
  const path = diskFile(join(host.directory, "disk"), 64);
  await expect(install({ ...host, path: fakeCommands({ mount: "" }).path }, path)).rejects.toThrow(
    /mount says that .* is mounted at .*, and the kernel does not/,
  );
});

test("twenty disks are attached at once", async () => {
  const host = leakCheckedHost();
  const paths = Array.from({ length: 20 }, (_, index) => diskFile(join(host.directory, `disk${String(index)}`), 8));
  const disks = await Promise.all(paths.map((path) => attachDisk(host, path)));
  expect(new Set(disks.map(({ device }) => device)).size).toBe(20);
  await Promise.all(disks.map((disk) => disk[Symbol.asyncDispose]()));
});

test("a mount point that stays busy is an error naming who holds it", async () => {
  const host = leakCheckedHost();
  const path = diskFile(join(host.directory, "disk"), 64);
  await using disk = await attachDisk(host, path);
  await makeFilesystem(host, disk.device, { type: "ext4", suite: "trixie" });
  await using target = await mountFilesystem(host, disk.device, { type: "ext4" });
  const child = spawn("bash", ["-c", 'exec 5>"$1/open"; echo ready; read -r _', "bash", target.path]);
  onTestFinished(() => {
    child.stdin.end();
  });
  await once(child.stdout, "data");
  const stuck = unmountBelow(host, target.path, 0.2);
  await expect(stuck).rejects.toThrow(`held by bash (pid ${String(child.pid)})`);
  child.stdin.end();
  await once(child, "exit");
});

test("a loop device that stays held is an error naming who holds it, and vanishes when it is let go", async () => {
  const host = leakCheckedHost();
  const path = diskFile(join(host.directory, "disk"), 64);
  const loop = await attachLoop(host, path, { offset: 0, sizeLimit: 0 });
  const holder = openSync(loop.device, "r");
  const state = { device: loop.device, backing: path, offset: 0, sizeLimit: 0 };
  await expect(detachLoop(host, state, 0.2)).rejects.toThrow(
    `is still held: open in node (pid ${String(process.pid)})`,
  );
  closeSync(holder);
  await loop[Symbol.asyncDispose]();
});

test("a loop device on a file named through a link is taken down", async () => {
  const host = leakCheckedHost();
  mkdirSync(join(host.directory, "real"));
  symlinkSync("real", join(host.directory, "link"));
  diskFile(join(host.directory, "real/disk"), 8);
  const loop = await attachLoop(host, join(host.directory, "link/disk"), { offset: 0, sizeLimit: 0 });
  await loop[Symbol.asyncDispose]();
  expect(readLoops().filter(({ device }) => device === loop.device)).toEqual([]);
});

test("releasing a loop device that is gone already is fine", async () => {
  const host = leakCheckedHost();
  const loop = await attachLoop(host, diskFile(join(host.directory, "disk"), 8), { offset: 0, sizeLimit: 0 });
  sh('detach_loop "$1"', loop.device);
  await loop[Symbol.asyncDispose]();
  await loop[Symbol.asyncDispose]();
});
