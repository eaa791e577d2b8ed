import { spawn } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { acquireSystem } from "../../src/system-image/acquire.ts";
import {
  guestFilesystem,
  fakeDebootstrap,
  host,
  cacheDir,
  tar,
  manifest,
  runs,
  config,
  acquire,
  fileIn,
  freshCache,
} from "../fixtures/cache-site.ts";
import { diskFile, loopOn, sh } from "../fixtures/loop-disk.ts";
import { fakeCommands, temporaryDirectory, testHost } from "../fixtures/test-host.ts";

freshCache();

describe("a cold start", () => {
  test("leaves a tar and its manifest, without identity, and the next one uses them", async () => {
    expect(await acquire()).toContain(tar);
    expect(await acquire()).toContain(tar);
    expect(runs()).toBe(1);
    expect(readdirSync(cacheDir).sort()).toEqual([
      "cache-trixie-amd64.manifest.json",
      "cache-trixie-amd64.tar",
      "locks",
      "scratch",
    ]);
    expect(readdirSync(join(cacheDir, "scratch"))).toEqual([]);
    expect(statSync(tar).mode & 0o777).toBe(0o644);
    expect(fileIn(tar, "etc/machine-id")).toBe("");
    const members = sh(`tar -tf "$1"`, tar);
    expect(members).not.toMatch(/ssh_host|rsa_host_key|random-seed|policy-rc/);
    expect(JSON.parse(readFileSync(manifest, "utf8"))).toMatchObject({
      kind: "built",
      key: { suite: "trixie", arch: "amd64", engine: "debootstrap" },
      packages: { base: "1" },
      sha256: sh(`sha256sum <"$1" | cut -d' ' -f1`, tar),
    });
  });

  test("is made once by any number of processes at once; the others wait and say so", async () => {
    const origins = await Promise.all([1, 2, 3, 4, 5].map(() => acquire()));
    expect(new Set(origins).size).toBe(1);
    expect(runs()).toBe(1);
    expect(host.logged()).toContain("waiting for it");
  });

  test("is taken over by one that waits when the first one fails", async () => {
    const failing = fakeCommands({ debootstrap: "sleep 1; exit 1", "apt-get": "exit 100" });
    const first = testHost({ path: failing.path });
    const failed = expect(acquireSystem(first, config(), [])).rejects.toThrow("debootstrap failed");
    await sleep(500);
    expect(await acquire()).toContain(tar);
    await failed;
    expect(host.logged()).toContain("waiting for it");
    expect(runs()).toBe(1);
  });

  test("keeps a cache with GENERATE_CACHE=no as little as it needs one, but uses one that is there", async () => {
    expect(await acquire({ generateCache: false })).toContain("debootstrap from");
    expect(existsSync(tar)).toBe(false);
    await acquire();
    expect(await acquire({ generateCache: false })).toContain(tar);
  });

  test("goes on with a warning when the cache cannot be written", async () => {
    mkdirSync(cacheDir);
    sh(`mount -t tmpfs -o size=16k,mode=0755 none "$1"`, cacheDir);
    try {
      const device = loopOn(diskFile(join(host.directory, "disk"), 64));
      await using system = await acquireSystem(host, config({ scratchDir: temporaryDirectory() }), []);
      await using target = await system.populate(device, guestFilesystem);
      expect(readFileSync(join(target.path, "etc/debian_version"), "utf8")).toMatch(/^\d+\n$/);
      expect(host.logged()).toMatch(/warning: the cache .* could not be written/);
    } finally {
      sh(`umount "$1"`, cacheDir);
    }
  });
});

test("a bootstrap killed outright leaves nothing that the next one does not remove", async () => {
  const script = join(temporaryDirectory(), "acquire.mts");
  const source = new URL("../../src/system-image/acquire.ts", import.meta.url).pathname;
  writeFileSync(
    script,
    `import { acquireSystem } from ${JSON.stringify(source)};
     import { createLog } from ${JSON.stringify(source.replace("system-image/acquire", "host/log"))};
     import { openJournal } from ${JSON.stringify(source.replace("system-image/acquire", "host/journal"))};
     const [path, runDir, config] = JSON.parse(process.argv[2]);
     const host = { path, runDir, log: createLog({}), signal: new AbortController().signal, journal: openJournal(runDir) };
     await acquireSystem(host, config, []);`,
  );
  const slow = fakeCommands({ debootstrap: `${fakeDebootstrap}; sleep 60`, "apt-get": "exit 100" });
  const argument = JSON.stringify([slow.path, join(host.directory, "run2"), config()]);
  const child = spawn("node_modules/.bin/tsx", [script, argument], { stdio: "ignore", detached: true });
  const scratch = join(cacheDir, "scratch/cache-trixie-amd64/tree/etc/machine-id");
  while (!existsSync(scratch)) await sleep(50);
  process.kill(-child.pid!, "SIGKILL");
  await new Promise((resolve) => child.once("exit", resolve));
  expect(await acquire()).toContain(tar);
  expect(readdirSync(join(cacheDir, "scratch"))).toEqual([]);
  expect(readdirSync(cacheDir).filter((name) => name.endsWith(".partial"))).toEqual([]);
});
