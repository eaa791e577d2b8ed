import { chmodSync, chownSync, existsSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, describe, expect, test } from "vitest";
import type { Config } from "../../../../src/config/config.ts";
import { acquireSystem } from "../../../../src/system-image/acquire.ts";
import { ensureCached } from "../../../../src/system-image/build.ts";
import { listCaches } from "../../../../src/system-image/list.ts";
import { pruneCaches } from "../../../../src/system-image/prune.ts";
import { refreshCaches } from "../../../../src/system-image/refresh.ts";
import { verifyCaches } from "../../../../src/system-image/verify.ts";
import { testConfig } from "../../../fixtures/config.ts";
import { temporaryDirectory, testHost } from "../../../fixtures/test-host.ts";

const nobody = 65534;

let cacheDir: string;
let victim: string;

beforeEach(() => {
  cacheDir = join(temporaryDirectory(), "cache");
  mkdirSync(cacheDir, { mode: 0o755 });
  victim = temporaryDirectory();
  for (const name of ["cache-a-amd64", "uncached-999999999-1"])
    mkdirSync(join(victim, name, "tree"), { recursive: true });
  writeFileSync(join(victim, "old_1_all.deb"), "somebody's");
});

function victimIsWhole(): boolean {
  return ["cache-a-amd64/tree", "uncached-999999999-1/tree", "old_1_all.deb"].every((name) =>
    existsSync(join(victim, name)),
  );
}

const verbs: readonly (readonly [string, (config: Config) => Promise<unknown>])[] = [
  ["create", (config) => acquireSystem(testHost(), config, [])],
  ["cache build", (config) => ensureCached(testHost(), config, { bootPackages: [], bootloader: "none", force: false })],
  ["cache refresh", (config) => refreshCaches(testHost(), config, true)],
  ["cache verify", (config) => verifyCaches(testHost(), config)],
  ["cache prune", (config) => pruneCaches(testHost(), config)],
  ["cache list", (config) => listCaches(config)],
];

describe.each(verbs)("%s refuses", (_verb, act) => {
  test.each(["scratch", "locks", "debs"])("a link in place of %s, and touches nothing behind it", async (name) => {
    symlinkSync(victim, join(cacheDir, name));
    await expect(act(testConfig(cacheDir, { debsCacheSizeMiB: 0 }))).rejects.toMatchObject({
      name: "UnusableDirectory",
      message: `${join(cacheDir, name)} is a symbolic link, not a directory`,
      hint: expect.stringContaining("remove the link") as unknown,
    });
    expect(victimIsWhole()).toBe(true);
  });

  test("a file in place of scratch, and one in place of CACHE_DIR or above it", async () => {
    writeFileSync(join(cacheDir, "scratch"), "");
    await expect(act(testConfig(cacheDir))).rejects.toThrow(`${join(cacheDir, "scratch")} is not a directory`);
    const below = join(cacheDir, "scratch/cache");
    await expect(act(testConfig(below))).rejects.toMatchObject({
      name: "UnusableDirectory",
      message: expect.stringContaining(`${below} cannot be used: ENOTDIR`) as unknown,
      hint: expect.stringContaining("check CACHE_DIR") as unknown,
    });
  });

  test.each([
    [".", 0, 0o775, "chmod go-w"],
    [".", 0, 0o777, "chmod go-w"],
    [".", 0, 0o1777, "chmod go-w"],
    [".", nobody, 0o700, "chown root:"],
    ["locks", 0, 0o772, "chmod go-w"],
    ["scratch", 0, 0o1777, "chmod go-w"],
    ["scratch", nobody, 0o755, "chown root:"],
    ["debs", 0, 0o720, "chmod go-w"],
  ])("%s that belongs to uid %i with mode %o", async (name, uid, mode, remedy) => {
    const path = join(cacheDir, name);
    mkdirSync(path, { recursive: true });
    chownSync(path, uid, uid);
    chmodSync(path, mode);
    await expect(act(testConfig(cacheDir))).rejects.toMatchObject({
      name: "UntrustedFile",
      message: `${path} can be changed by others than root: its owner is uid ${String(uid)}, its mode ${mode.toString(8).padStart(4, "0")}`,
      hint: `look at what it holds, then: ${remedy} ${path}`,
    });
  });
});

describe("used without a word is", () => {
  const scratchDir = (path: string) => testConfig(cacheDir, { scratchDir: path });

  test("a CACHE_DIR of root's that all may read, and one that is not there yet", async () => {
    expect(await listCaches(testConfig(cacheDir))).toEqual([]);
    rmSync(cacheDir, { recursive: true });
    expect(await listCaches(testConfig(cacheDir))).toEqual([]);
  });

  test("a CACHE_DIR that is itself a link to a directory of root's", async () => {
    const link = join(temporaryDirectory(), "cache");
    symlinkSync(cacheDir, link);
    expect(await listCaches(testConfig(link))).toEqual([]);
  });

  test("a SCRATCH_DIR like /var/tmp; not one where all may remove what others put there", async () => {
    const shared = temporaryDirectory();
    chmodSync(shared, 0o1777);
    expect(await listCaches(scratchDir(shared))).toEqual([]);
    chmodSync(shared, 0o777);
    await expect(listCaches(scratchDir(shared))).rejects.toThrow("can be changed by others than root");
  });
});
