import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { appendFileSync, existsSync, linkSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, onTestFinished, test } from "vitest";
import { attachDisk } from "../../src/devices/disk.ts";
import { attachLoop } from "../../src/devices/attach/loop.ts";
import { readLoop, readLoops } from "../../src/devices/attach/loop-state.ts";
import { fileKey } from "../../src/devices/kernel/file-key.ts";
import { recoverDeadRuns } from "../../src/devices/recovery.ts";
import type { JournalEntry } from "../../src/host/journal.ts";
import { leakCheckedHost, leaksOf } from "../fixtures/leaks.ts";
import { diskFile, loopOn, sh } from "../fixtures/loop-disk.ts";
import type { TestHost } from "../fixtures/test-host.ts";

/** Starts a run that holds `path`; in a mount namespace of its own, as the executables are. */
function startHolder(host: TestHost, path: string, mounts: "own" | "shared"): ChildProcess {
  const script = new URL("../fixtures/disk-holder.ts", import.meta.url).pathname;
  const unshare = mounts === "own" ? ["unshare", "--mount", "--propagation", "slave"] : ["env"];
  const [command, ...argv] = [...unshare, process.execPath, "--import", "tsx", script, host.runDir, path];
  return spawn(command, argv, { stdio: ["pipe", "pipe", "inherit"] });
}

async function ready(child: ChildProcess): Promise<void> {
  await Promise.race([
    once(child.stdout ?? child, "data"),
    once(child, "exit").then(() => Promise.reject(new Error("it ended before it was ready"))),
  ]);
}

async function kill(child: ChildProcess): Promise<void> {
  child.kill("SIGKILL");
  if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
}

/** A journal as a run leaves it that was killed: its process number is that of an earlier process. */
function deadJournal(host: TestHost, ...entries: readonly JournalEntry[]): string {
  const path = join(host.runDir, "journal", "1-1.jsonl");
  mkdirSync(join(host.runDir, "journal"), { recursive: true });
  writeFileSync(path, `${JSON.stringify({ owner: { pid: 1, startTime: "1" } })}\n`);
  entries.forEach((entry, id) => {
    appendFileSync(path, `${JSON.stringify({ id, entry })}\n`);
  });
  return path;
}

test("all that a killed run held is released by the next start, which can use the disk at once", async () => {
  const host = leakCheckedHost();
  const path = diskFile(join(host.directory, "disk"), 64);
  const child = startHolder(host, path, "own");
  await ready(child);
  expect(leaksOf(host).length).toBeGreaterThan(3);
  await kill(child);
  const report = await recoverDeadRuns(host);
  expect(report.kept).toEqual([]);
  expect(report.released.join("\n")).toMatch(/directory [\s\S]*directory [\s\S]*loop device [\s\S]*loop device /);
  expect(leaksOf(host)).toEqual([]);
  await using _ = await attachDisk(host, path);
});

test.each([
  ["a block device", (path: string) => loopOn(path)],
  ["a file below a mount point", (path: string) => path],
])("a killed run's loop device on %s is known by its file, whatever path the kernel has for it", async (_, diskOn) => {
  const host = leakCheckedHost();
  const mountPoint = join(host.directory, "mounted");
  sh('mkdir "$1"; mount -t tmpfs none "$1"', mountPoint);
  onTestFinished(() => {
    sh('umount "$1"', mountPoint);
  });
  const disk = diskOn(diskFile(join(mountPoint, "disk"), 64));
  const child = startHolder(host, disk, "own");
  await ready(child);
  await kill(child);
  const tornOff = (): number => readLoops().filter(({ backing }) => backing === `/${basename(disk)}`).length;
  expect(tornOff()).toBeGreaterThan(0);
  expect((await recoverDeadRuns(host)).kept).toEqual([]);
  expect(tornOff()).toBe(0);
  await using __ = await attachDisk(host, disk);
});

test("a killed run without a mount namespace of its own leaves its mount, which is released too", async () => {
  const host = leakCheckedHost();
  const path = diskFile(join(host.directory, "disk"), 64);
  const child = startHolder(host, path, "shared");
  await ready(child);
  await kill(child);
  expect(leaksOf(host).join("\n")).toMatch(/ext4/);
  expect((await recoverDeadRuns(host)).kept).toEqual([]);
  expect(leaksOf(host)).toEqual([]);
});

test("a run killed at any moment leaves nothing after the next start", async () => {
  const host = leakCheckedHost();
  const path = diskFile(join(host.directory, "disk"), 64);
  const disks = [path, loopOn(diskFile(join(host.directory, "block"), 64))];
  for (let round = 0; round < 24; round++) {
    const disk = disks[round % disks.length] ?? path;
    const child = startHolder(host, disk, "own");
    // Starting takes about 0.3 s, all it does about as long.
    await Promise.race([sleep(200 + Math.random() * 600), ready(child)]);
    await kill(child);
    await recoverDeadRuns(host);
    expect(leaksOf(host).filter((leak) => !leak.includes("/block"))).toEqual([]);
    await using _ = await attachDisk(host, disk);
  }
});

test("a loop device that shows something else by now is left alone", async () => {
  const host = leakCheckedHost();
  const mine = loopOn(diskFile(join(host.directory, "other"), 8));
  deadJournal(host, { kind: "loop", device: mine, backing: join(host.directory, "gone"), offset: 0, sizeLimit: 0 });
  expect(await recoverDeadRuns(host)).toEqual({ runs: 1, released: [], kept: [] });
  expect(readLoop(mine.slice("/dev/".length))?.backing).toBe(join(host.directory, "other"));
});

test("a loop device on the same file by another name is somebody else's", async () => {
  const host = leakCheckedHost();
  const file = diskFile(join(host.directory, "disk"), 8);
  const backing = join(host.directory, "other-name");
  linkSync(file, backing);
  const theirs = loopOn(file);
  const backingKey = fileKey(file);
  deadJournal(host, { kind: "loop", device: theirs, backing, backingKey, offset: 0, sizeLimit: 0 });
  expect(await recoverDeadRuns(host)).toEqual({ runs: 1, released: [], kept: [] });
  expect(readLoop(basename(theirs))?.backing).toBe(file);
});

test("a loop device on a file that was deleted since is released", async () => {
  const host = leakCheckedHost();
  const file = diskFile(join(host.directory, "disk"), 8);
  const loop = await attachLoop(leakCheckedHost(), file, { offset: 4096, sizeLimit: 8192 });
  sh('rm "$1"', file);
  deadJournal(host, { kind: "loop", device: loop.device, backing: file, offset: 4096, sizeLimit: 8192 });
  expect((await recoverDeadRuns(host)).released).toEqual([`loop device ${loop.device} on ${file}`]);
  await loop[Symbol.asyncDispose]();
});

test.each([
  ["its directory was renamed", 'mv "$1/disks" "$1/renamed"'],
  ["its directory was renamed, with a link in its place", 'mv "$1/disks" "$1/renamed"; ln -s renamed "$1/disks"'],
  ["its file was removed", 'rm "$1/disks/disk"'],
  ["its file was replaced", 'rm "$1/disks/disk"; truncate -s 8M "$1/disks/disk"'],
])("a killed run's loop device is released although %s", async (_, script) => {
  const host = leakCheckedHost();
  mkdirSync(join(host.directory, "disks"));
  const child = startHolder(host, diskFile(join(host.directory, "disks/disk"), 64), "own");
  await ready(child);
  await kill(child);
  sh(script, host.directory);
  const report = await recoverDeadRuns(host);
  expect(report.kept).toEqual([]);
  expect(report.released.filter((what) => what.startsWith("loop device"))).toHaveLength(2);
  expect(readLoops().filter(({ backing }) => backing.startsWith(host.directory))).toEqual([]);
});

test("files and trees are removed, directories only when they are empty", async () => {
  const host = leakCheckedHost();
  const at = (name: string): string => join(host.directory, name);
  sh('mkdir -p "$1"/{empty,full/of,tree/with/things}; touch "$1"/{file,tree/with/one}', host.directory);
  const journal = deadJournal(
    host,
    { kind: "directory", path: at("empty") },
    { kind: "directory", path: at("full") },
    { kind: "tree", path: at("tree") },
    { kind: "file", path: at("file") },
    { kind: "file", path: at("never made") },
  );
  const report = await recoverDeadRuns(host);
  expect(report.released).toHaveLength(3);
  expect(report.kept).toEqual([
    { what: `directory ${at("full")}`, reason: expect.stringMatching(/not empty/) as string },
  ]);
  expect([existsSync(at("full/of")), existsSync(at("tree")), existsSync(at("file"))]).toEqual([true, false, false]);
  expect(host.logged()).toMatch(/warning: cannot release directory .*full, a leftover of run 1, which was killed: /);
  // What was kept is tried again, and then forgotten.
  expect(existsSync(journal)).toBe(true);
  sh('rmdir "$1/full/of"', host.directory);
  expect((await recoverDeadRuns(host)).released).toEqual([`directory ${at("full")}`]);
  expect(readdirSync(join(host.runDir, "journal"))).toEqual([]);
});

test("a tree is kept while something is mounted in it", async () => {
  const host = leakCheckedHost();
  const tree = join(host.directory, "tree");
  sh('mkdir -p "$1/proc"; mount -t tmpfs none "$1/proc"; touch "$1/proc/precious"', tree);
  onTestFinished(() => {
    sh('! mountpoint -q "$1/proc" || umount "$1/proc"', tree);
  });
  deadJournal(host, { kind: "tree", path: tree });
  const report = await recoverDeadRuns(host);
  expect(report.kept[0]?.reason).toMatch(/proc is mounted/);
  expect(existsSync(join(tree, "proc/precious"))).toBe(true);
  sh('umount "$1/proc"', tree);
  expect((await recoverDeadRuns(host)).kept).toEqual([]);
});

test("a disk that a killed run left busy is waited for, and the log says so", async () => {
  const host = leakCheckedHost();
  const disk = loopOn(diskFile(join(host.directory, "disk"), 64));
  sh('mke2fs -q -F -t ext4 "$1"; mkdir "$2"; mount "$1" "$2"', disk, join(host.directory, "at"));
  const release = sleep(700).then(() => sh('umount "$1"', join(host.directory, "at")));
  deadJournal(host, { kind: "disk", path: disk });
  await recoverDeadRuns(host);
  await using _ = await attachDisk(host, disk);
  expect(host.logged()).toMatch(/waiting up to 10 s for disk/);
  await release;
});

test("two starts at once recover a dead run once", async () => {
  const host = leakCheckedHost();
  const file = join(host.directory, "file");
  writeFileSync(file, "");
  deadJournal(host, { kind: "file", path: file });
  const reports = await Promise.all([recoverDeadRuns(host), recoverDeadRuns(host)]);
  expect(reports.flatMap(({ released }) => released)).toHaveLength(1);
});

test("what a living run has taken over from a killed one stays", async () => {
  const host = leakCheckedHost();
  const backing = diskFile(join(host.directory, "backing"), 8);
  const tree = join(host.directory, "scratch", "cache-trixie-amd64");
  const partial = join(host.directory, "cache-trixie-amd64.tar.partial");
  mkdirSync(tree, { recursive: true });
  writeFileSync(partial, "");
  await using loop = await attachLoop(host, backing, { offset: 0, sizeLimit: 0 });
  const entries: readonly JournalEntry[] = [
    { kind: "tree", path: tree },
    { kind: "file", path: partial },
  ];
  const struckOut = entries.map((entry) => host.journal.record(entry));
  const dead = deadJournal(host, { kind: "loop", device: loop.device, backing, offset: 0, sizeLimit: 0 }, ...entries);
  expect(await recoverDeadRuns(host)).toEqual({ runs: 1, released: [], kept: [] });
  expect([existsSync(tree), existsSync(partial), existsSync(dead)]).toEqual([true, true, false]);
  expect(readLoop(basename(loop.device))?.backing).toBe(backing);
  for (const strikeOut of struckOut) strikeOut();
});
