import { readdirSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { seedCache } from "../fixtures/bootstrapped-cache.ts";
import { installOs, instanceVariables } from "../fixtures/installed-os.ts";
import { leftovers } from "../fixtures/leftovers.ts";
import { diskFile, inGuest } from "../fixtures/loop-disk.ts";
import { temporaryDirectory } from "../fixtures/test-host.ts";

const os = installOs();
seedCache(os.cacheDir);
const name = "host1.example.com";

// A hook that takes a while and forks, so that the instants fall on hooks too.
os.hook("slow", '#!/bin/bash\n(cd "$TARGET"; sleep 0.3) & find "$TARGET/usr" >/dev/null; wait\n');
os.settings("PARTITION_ALIGNMENT=2048\n");

const instants = seededInstants(40, 1800);

test("SIGKILL at 40 instants leaves no process and no mount, and nothing else after the next start", async () => {
  const directory = temporaryDirectory();
  const disk = diskFile(join(directory, "disk0"), 1024);
  const clean = leftovers(os, directory);
  for (const [index, instant] of instants.entries()) {
    const running = os.start("create", { env: variables(disk, index) });
    await Promise.race([sleep(instant), running.done]);
    killOnly(running.pid, "SIGKILL");
    await running.done;
    await expect
      .poll(() => leftovers(os, directory).processes, { timeout: 2000, message: `after ${String(instant)} ms` })
      .toEqual([]);
  }
  const result = await os.run("create", { env: variables(disk, 0) });
  expect(result, result.stderr).toMatchObject({ status: 0 });
  expect(leftovers(os, directory)).toEqual(clean);
  expect(readdirSync(os.cacheDir).filter((entry) => /partial|tmp/.test(entry))).toEqual([]);
  expect(inGuest(disk, "cat etc/hostname", 1024 * 1024)).toBe(name);
});

test("SIGTERM at 40 instants releases everything at once and exits 143", async () => {
  const directory = temporaryDirectory();
  const disk = diskFile(join(directory, "disk0"), 1024);
  const clean = leftovers(os, directory);
  for (const [index, instant] of instants.entries()) {
    const running = os.start("create", { env: variables(disk, index) });
    await Promise.race([sleep(instant), running.done]);
    killOnly(running.pid, "SIGTERM");
    const result = await running.done;
    // Before node has taken the signal over, or after it has finished, the shell's own way of ending is as good.
    if (result.signal === null && result.status !== 0) expect(result.status, result.stderr).toBe(143);
    expect(leftovers(os, directory), `after ${String(instant)} ms: ${result.stderr}`).toEqual(clean);
  }
});

test("SIGTERM during debootstrap leaves no process, mount, loop device or temporary directory", async () => {
  const directory = temporaryDirectory();
  const disk = diskFile(join(directory, "disk0"), 1024);
  os.settings(`CACHE_DIR=${join(os.directory, "empty-cache")}\n`);
  const clean = leftovers(os, directory);
  for (const seconds of [4, 9]) {
    const running = os.start("create", { env: variables(disk, 0) });
    await sleep(seconds * 1000);
    killOnly(running.pid, "SIGTERM");
    const result = await running.done;
    expect(result.status, result.stderr).toBe(143);
    expect(result.stderr).toMatch(/interrupted by SIGTERM/);
    expect(leftovers(os, directory)).toEqual(clean);
    const left = readdirSync(join(os.directory, "empty-cache"), { recursive: true }) as string[];
    expect(left.filter((path) => /scratch.*\/|partial/.test(path) && !/lock/.test(path) && !/debs/.test(path))).toEqual(
      [],
    );
  }
});

test("SIGTERM while everything is released, twice, is no success and stops no release", async () => {
  const directory = temporaryDirectory();
  const disk = diskFile(join(directory, "disk0"), 1024);
  // Much to write out, so that the release takes its time.
  os.hook("slow", '#!/bin/sh\nhead -c 300000000 /dev/urandom >"$TARGET/big"\n');
  os.settings("");
  const clean = leftovers(os, directory);
  const running = os.start("create", { env: variables(disk, 0) });
  let said = "";
  running.child.stderr?.on("data", (chunk: Buffer) => (said += chunk.toString()));
  await expect.poll(() => said, { timeout: 60_000, interval: 10 }).toMatch(/^info: .*hooks in /m);
  killOnly(running.pid, "SIGTERM");
  await sleep(100);
  killOnly(running.pid, "SIGTERM");
  const result = await running.done;
  expect(result.status, result.stderr).toBe(143);
  expect(result.stderr).not.toMatch(/^info: created/m);
  expect(leftovers(os, directory)).toEqual(clean);
});

function variables(disk: string, index: number): Record<string, string> {
  return instanceVariables(name, [disk], { PARTITION_STYLE: index % 2 === 0 ? "msdos" : "none" });
}

function killOnly(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It had finished.
  }
}

// The same instants on every run, spread over the whole of a create.
function seededInstants(count: number, spanMilliseconds: number): readonly number[] {
  let state = 20110605;
  return Array.from({ length: count }, () => {
    state = (state * 1103515245 + 12345) % 2147483648;
    return Math.round((state / 2147483648) * spanMilliseconds);
  });
}
