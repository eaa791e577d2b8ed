import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { Config } from "../../src/config/config.ts";
import { acquireSystem } from "../../src/system-image/acquire.ts";
import { testConfig } from "../fixtures/config.ts";
import { diskFile, inGuest, loopOn, sh } from "../fixtures/loop-disk.ts";
import { temporaryDirectory, testHost, type TestHost } from "../fixtures/test-host.ts";

const guestFilesystem = { type: "ext4", suite: "trixie", bootloader: "none" } as const;

/** Bootstraps into a cache of its own; the packages downloaded are shared by the tests of this file. */
async function bootstrap(host: TestHost, cacheDir: string, changes: Partial<Config>): Promise<string> {
  await using system = await acquireSystem(host, testConfig(cacheDir, { debsCacheSizeMiB: 0, ...changes }), []);
  expect(system.origin).toContain(cacheDir);
  return join(
    cacheDir,
    readdirSync(cacheDir).find((name) => name.endsWith(".tar"))!,
  );
}

/** Type, mode, owner and path of everything in a tar, sorted. */
function members(tar: string): readonly string[] {
  return sh(`tar -tvf "$1" --numeric-owner --quoting-style=escape | awk '{print $1, $2, $6}' | sort`, tar).split("\n");
}

function inTar(tar: string, path: string): string {
  return sh(`tar -xOf "$1" "./$2"`, tar, path);
}

describe("a cold bootstrap", () => {
  test("gives the same packages, sources, modes and owners by both engines, and no trace of the node", async () => {
    const tars: Record<string, string> = {};
    const packages: Record<string, unknown> = {};
    for (const engine of ["debootstrap", "mmdebstrap"] as const) {
      const host = testHost();
      const cacheDir = join(host.directory, "cache");
      const tar = await bootstrap(host, cacheDir, { bootstrap: engine });
      tars[engine] = join(temporaryDirectory(), "tar");
      sh(`cp "$1" "$2"`, tar, tars[engine]);
      const manifest = JSON.parse(readFileSync(join(cacheDir, "cache-trixie-amd64.manifest.json"), "utf8")) as {
        packages: Record<string, string>;
      };
      packages[engine] = manifest.packages;
      expect(readdirSync(cacheDir).sort()).toEqual([
        "cache-trixie-amd64.manifest.json",
        "cache-trixie-amd64.tar",
        "locks",
        "scratch",
      ]);
      expect(readdirSync(join(cacheDir, "scratch"))).toEqual([]);
      expect(host.logged()).not.toMatch(/warning:/);
    }
    const [debootstrap, mmdebstrap] = [tars["debootstrap"]!, tars["mmdebstrap"]!];
    expect(packages["mmdebstrap"]).toEqual(packages["debootstrap"]);
    expect(Object.keys(packages["debootstrap"]!).length).toBeGreaterThan(100);
    const [a, b] = [new Set(members(debootstrap)), new Set(members(mmdebstrap))];
    expect([...a].filter((line) => !b.has(line))).toEqual([]);
    expect([...b].filter((line) => !a.has(line))).toEqual([]);
    const sources = inTar(debootstrap, "etc/apt/sources.list");
    expect(sources).toMatch(/^deb http:\/\/\S+ trixie main$/);
    expect(inTar(mmdebstrap, "etc/apt/sources.list")).toBe(sources);
    for (const tar of [debootstrap, mmdebstrap]) {
      const paths = members(tar).map((line) => line.split(" ")[2]);
      for (const gone of ["./usr/sbin/policy-rc.d", "./etc/hostname", "./etc/resolv.conf", "./debootstrap/"]) {
        expect(paths).not.toContain(gone);
      }
      expect(paths.filter((path) => /\.deb$|_Packages$|start-stop-daemon\.REAL$/.test(path!))).toEqual([]);
      expect(inTar(tar, "etc/machine-id")).toBe("");
    }
  });

  test("is made on the disk itself where no scratch space works, and the cache is written from there", async () => {
    const host = testHost();
    const cacheDir = join(host.directory, "cache");
    const scratchDir = join(host.directory, "scratch");
    mkdirSync(scratchDir);
    sh(`mount -t tmpfs -o nodev,noexec none "$1"`, scratchDir);
    try {
      const device = loopOn(diskFile(join(host.directory, "disk"), 1500));
      {
        await using system = await acquireSystem(host, testConfig(cacheDir, { scratchDir }), []);
        expect(existsSync(join(cacheDir, "cache-trixie-amd64.tar"))).toBe(false);
        await using _target = await system.populate(device, guestFilesystem);
      }
      expect(host.logged()).toContain("mounted nodev or noexec");
      expect(existsSync(join(cacheDir, "cache-trixie-amd64.tar"))).toBe(true);
      expect(inGuest(join(host.directory, "disk"), "ls var/cache/apt/archives; ls -A; cat etc/debian_version")).toMatch(
        /^partial\nbin\n[^]*13/,
      );
      expect(readdirSync(scratchDir)).toEqual([]);
    } finally {
      sh(`umount "$1"`, scratchDir);
    }
  });

  test("fails with debootstrap's own words and leaves nothing but locks", async () => {
    const host = testHost();
    const cacheDir = join(host.directory, "cache");
    const config = testConfig(cacheDir, { debsCacheSizeMiB: 0, extraPackages: ["no-such-package-anywhere"] });
    await expect(acquireSystem(host, config, [])).rejects.toThrow(/no-such-package-anywhere/);
    expect(readdirSync(join(cacheDir, "scratch"))).toEqual([]);
    expect(readdirSync(cacheDir).sort()).toEqual(["locks", "scratch"]);
  });

  test("goes through PROXY, and says what a dead one gave", async () => {
    const host = testHost();
    const config = testConfig(join(host.directory, "cache"), { proxy: "http://127.0.0.1:9/" });
    await expect(acquireSystem(host, config, [])).rejects.toThrow(/release file/i);
    expect(host.logged()).toMatch(/127\.0\.0\.1/);
  });
});

test("a suite whose keyring is not there is refused before anything is begun, with the package to install", async () => {
  const host = testHost();
  const scripts = join(host.directory, "debootstrap");
  mkdirSync(join(scripts, "scripts"), { recursive: true });
  writeFileSync(
    join(scripts, "scripts/noble"),
    "default_mirror http://mirror.example.com/ubuntu\nkeyring /nonexistent/ubuntu-archive-keyring.gpg\n",
  );
  const config = testConfig(join(host.directory, "cache"), { suite: "noble", exported: { DEBOOTSTRAP_DIR: scripts } });
  await expect(acquireSystem(host, config, [])).rejects.toMatchObject({
    message: expect.stringContaining("/nonexistent/ubuntu-archive-keyring.gpg") as string,
    hint: expect.stringContaining("ubuntu-keyring") as string,
  });
  await expect(acquireSystem(host, { ...config, suite: "nosuch" }, [])).rejects.toThrow(
    "debootstrap has no script for the suite nosuch",
  );
});
