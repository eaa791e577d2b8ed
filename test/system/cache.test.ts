import { spawn } from "node:child_process";
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { basename, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { beforeEach, describe, expect, test, vi } from "vitest";
import type { Config } from "../../src/config/config.ts";
import { acquireSystem } from "../../src/system-image/acquire.ts";
import { openCacheFolder } from "../../src/system-image/cache/folder.ts";
import { listCaches } from "../../src/system-image/list.ts";
import { pruneCaches } from "../../src/system-image/prune.ts";
import { ensureCached } from "../../src/system-image/build.ts";
import { refreshCaches } from "../../src/system-image/refresh.ts";
import { verifyCaches } from "../../src/system-image/verify.ts";
import { seedCache } from "../fixtures/bootstrapped-cache.ts";
import { testConfig } from "../fixtures/config.ts";
import { diskFile, loopOn, sh } from "../fixtures/loop-disk.ts";
import { fakeCommands, temporaryDirectory, testHost, type TestHost } from "../fixtures/test-host.ts";

const guestFilesystem = { type: "ext4", suite: "trixie", bootloader: "none" } as const;
function cacheRequest(force: boolean) {
  return { bootPackages: [], bootloader: "none", force } as const;
}
const day = 24 * 60 * 60 * 1000;

/** A debootstrap that takes half a second and makes a system of two files; `dates` tells one run from another. */
const fakeDebootstrap = `
  for last; do :; done
  tree=$last; case $last in http*) shift $(($# - 2)); tree=$1;; esac
  sleep 0.5
  mkdir -p "$tree/var/lib/dpkg" "$tree/etc/ssh" "$tree/var/lib/systemd" "$tree/etc/apt" "$tree/usr/sbin"
  date +%s%N >"$tree/etc/debian_version"
  printf 'Package: base\\nStatus: install ok installed\\nVersion: 1\\n' >"$tree/var/lib/dpkg/status"
  mkdir "$tree/etc/dropbear"; echo key >"$tree/etc/dropbear/dropbear_rsa_host_key"
  echo key >"$tree/etc/ssh/ssh_host_rsa_key"; echo id >"$tree/etc/machine-id"; echo seed >"$tree/var/lib/systemd/random-seed"
  printf '#!/bin/sh\\nexit 101\\n' >"$tree/usr/sbin/policy-rc.d"`;

let host: TestHost;
let cacheDir: string;
let tar: string;
let manifest: string;
let runs: () => number;

beforeEach(() => {
  // apt-get fails, so that nothing is fetched beforehand.
  const fake = fakeCommands({ debootstrap: fakeDebootstrap, "apt-get": "exit 100" });
  host = testHost({ path: fake.path });
  runs = () => fake.calls().filter((call) => call.startsWith("debootstrap ")).length;
  cacheDir = join(host.directory, "cache");
  tar = join(cacheDir, "cache-trixie-amd64.tar");
  manifest = join(cacheDir, "cache-trixie-amd64.manifest.json");
});

function config(changes: Partial<Config> = {}): Config {
  return testConfig(cacheDir, {
    arch: "amd64",
    mirror: "http://mirror.example.com/debian",
    keyring: "/etc/hostname",
    ...changes,
  });
}

/** Acquires a system and returns where it came from. */
async function acquire(changes: Partial<Config> = {}): Promise<string> {
  await using system = await acquireSystem(host, config(changes), []);
  return system.origin;
}

/** A tar that an administrator made by hand. */
function ownTar(path: string): void {
  mkdirSync(cacheDir, { recursive: true });
  const tree = temporaryDirectory();
  mkdirSync(join(tree, "etc"));
  writeFileSync(join(tree, "etc/own"), "own\n");
  sh(`tar -C "$1" -cf "$2" .`, tree, path);
}

function fileIn(path: string, member: string): string {
  return sh(`tar -xOf "$1" "./$2"`, path, member);
}

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

describe("the key", () => {
  test("keeps variants of one suite apart, and each finds its own again", async () => {
    const origins = { EXTRA_PKGS: { kind: "file", path: "/nonexistent/variants/v.conf" } } as const;
    const variant = { variant: "v", extraPackages: ["less"], origins };
    const [plain, own] = [await acquire(), await acquire(variant)];
    expect(own).not.toBe(plain);
    expect(own).toMatch(/cache-trixie-amd64-[0-9a-f]{10}\.tar/);
    expect([await acquire(), await acquire(variant)]).toEqual([plain, own]);
    expect(runs()).toBe(2);
  });

  test("makes the plain cache anew when the settings changed", async () => {
    await acquire();
    await acquire({ extraPackages: ["less"] });
    expect(runs()).toBe(2);
    expect(JSON.parse(readFileSync(manifest, "utf8"))).toMatchObject({ key: { packages: ["less"] } });
  });

  test("does not touch an administrator's own tar, which serves every configuration, with a warning what for", async () => {
    ownTar(tar);
    expect(await acquire()).toContain(tar);
    expect(host.logged()).not.toContain("warning");
    const origins = { EXTRA_PKGS: { kind: "file", path: "/etc/default/x" } } as const;
    expect(await acquire({ extraPackages: ["less"], origins })).toContain(tar);
    expect(host.logged()).toMatch(/warning: .* an administrator's own; whether it fits EXTRA_PKGS is not known/);
    expect(runs()).toBe(0);
  });
});

describe("a tar that its owner may not write", () => {
  const origins = { EXTRA_PKGS: { kind: "file", path: "/etc/default/x" } } as const;
  const changed = { extraPackages: ["less"], origins };

  test("stays when the settings change: what they ask for is kept beside it, with a warning, and found again", async () => {
    const first = await acquire();
    const content = readFileSync(tar);
    chmodSync(tar, 0o444);
    const beside = await acquire(changed);
    expect(beside).toMatch(/cache-trixie-amd64-[0-9a-f]{10}\.tar/);
    expect(host.logged()).toMatch(/warning: .* made for other settings and is kept.*; chmod u\+w lets/);
    expect(await acquire(changed)).toBe(beside);
    expect(host.logged().match(/made for other settings/g)).toHaveLength(1);
    expect(await acquire()).toBe(first);
    expect(await ensureCached(host, config(changed), cacheRequest(false))).toMatchObject({ built: false });
    expect(runs()).toBe(2);
    expect(readFileSync(tar).equals(content)).toBe(true);
    chmodSync(tar, 0o644);
    expect(await acquire(changed)).toBe(first);
    expect(runs()).toBe(3);
  });

  test("is not replaced by force, and that is told before anything is bootstrapped", async () => {
    await acquire();
    chmodSync(tar, 0o444);
    const forced = ensureCached(host, config(), cacheRequest(true));
    await expect(forced).rejects.toMatchObject({
      name: "KnownError",
      message: expect.stringContaining("not replaced") as string,
      hint: expect.stringContaining("chmod u+w") as string,
    });
    expect(runs()).toBe(1);
    chmodSync(tar, 0o644);
    expect(await ensureCached(host, config(), cacheRequest(true))).toMatchObject({ built: true });
    expect(runs()).toBe(2);
  });

  test("is not replaced when the permission went during the bootstrap: this guest is made without a cache", async () => {
    mkdirSync(cacheDir, { recursive: true });
    const putting = fakeCommands({
      debootstrap: `${fakeDebootstrap}; echo mine >'${tar}'; chmod a-w '${tar}'`,
      "apt-get": "exit 100",
    });
    host = testHost({ path: putting.path });
    expect(await acquire()).toContain("debootstrap from");
    expect(host.logged()).toMatch(/warning: the cache .* could not be written: .* kept and not replaced/);
    expect(readFileSync(tar, "utf8")).toBe("mine\n");
  });

  test("survives a prune when it was found damaged and set aside, and the next damaged one", async () => {
    ownTar(tar);
    truncateSync(tar, 1800);
    chmodSync(tar, 0o444);
    await acquire();
    truncateSync(tar, 2048);
    await acquire();
    await pruneCaches(host, config());
    expect(statSync(`${tar}.damaged`).size).toBe(1800);
  });
});

test("force sets an administrator's own tar aside, says so, and loses none by doing it twice", async () => {
  for (const aside of [`${tar}.replaced`, `${tar}.replaced.1`]) {
    ownTar(tar);
    expect(await ensureCached(host, config(), cacheRequest(true))).toMatchObject({ built: true });
    expect(host.logged()).toContain(`is an administrator's own and gets replaced: set aside as ${aside}\n`);
    await pruneCaches(host, config());
    expect(fileIn(aside, "etc/own")).toBe("own");
  }
  expect(fileIn(tar, "etc/debian_version")).toMatch(/^\d+$/);
});

describe("integrity", () => {
  test("a tar that ends early is set aside and made anew", async () => {
    await acquire();
    truncateSync(tar, 2048);
    expect(await acquire()).toContain(tar);
    expect(host.logged()).toMatch(/warning: the cache .* is damaged .*ends early.*: set aside as .*\.damaged/);
    expect(existsSync(`${tar}.damaged`)).toBe(true);
    expect(runs()).toBe(2);
  });

  test("an administrator's tar that ends early is set aside, too", async () => {
    ownTar(tar);
    truncateSync(tar, 1800);
    await acquire();
    expect(host.logged()).toContain("is damaged");
    expect(runs()).toBe(1);
  });

  test("bytes that changed although size, time and inode did not are found", async () => {
    await acquire();
    const { atime, mtime, ino, size } = statSync(tar);
    sh(`printf X | dd of="$1" bs=1 seek=1500 conv=notrunc status=none`, tar);
    utimesSync(tar, atime, mtime);
    sh(
      `touch -d "@$2" "$1"`,
      tar,
      (JSON.parse(readFileSync(manifest, "utf8")) as { stamp: { modified: string } }).stamp.modified.replace(
        /(\d{9})$/,
        ".$1",
      ),
    );
    expect(statSync(tar)).toMatchObject({ ino, size });
    await acquire();
    expect(host.logged()).toContain("is damaged (its bytes changed although its size, time and inode did not)");
    expect(runs()).toBe(2);
  });

  test("a readable tar that somebody rewrote is an administrator's edit: used, said once, and what derives from it dropped", async () => {
    await acquire();
    const image = join(cacheDir, "cache-trixie-amd64.ext4-0123456789.img");
    writeFileSync(image, "");
    ownTar(tar);
    expect(await acquire()).toContain(tar);
    expect(existsSync(image)).toBe(false);
    await acquire();
    expect(host.logged().match(/was edited/g)).toHaveLength(1);
    expect(fileIn(tar, "etc/own")).toBe("own");
    expect(runs()).toBe(1);
  });

  test("a tar that was only copied or touched is read once and then known", async () => {
    await acquire();
    copyFileSync(tar, `${tar}.copy`);
    rmSync(tar);
    sh(`mv "$1.copy" "$1"`, tar);
    await acquire();
    await acquire();
    expect(host.logged().match(/info: check .*cache-trixie/g)).toHaveLength(1);
    expect(runs()).toBe(1);
  });

  test("a tar whose manifest cannot be read serves nobody and is made anew; without any manifest it is somebody's own", async () => {
    await acquire();
    truncateSync(manifest, 100);
    expect(await acquire()).toContain(tar);
    expect(runs()).toBe(2);
    expect(JSON.parse(readFileSync(manifest, "utf8"))).toMatchObject({ kind: "built" });
    rmSync(manifest);
    expect(await acquire({ extraPackages: ["less"] })).toContain(tar);
    expect(runs()).toBe(2);
  });

  test("who has to wait before a tar can be judged says so", async () => {
    ownTar(tar);
    const lock = await openCacheFolder(cacheDir).entry("cache-trixie-amd64").tryLock(host);
    const acquired = acquire();
    try {
      await expect.poll(() => host.logged()).toContain(`another process is working on ${tar}: waiting for it`);
    } finally {
      await lock?.[Symbol.asyncDispose]();
    }
    expect(await acquired).toContain(tar);
  });

  test("deleting only the tar drops what belongs to it", async () => {
    await acquire();
    const image = join(cacheDir, "cache-trixie-amd64.ext4-0123456789.img");
    writeFileSync(image, "");
    rmSync(tar);
    await acquire();
    expect(existsSync(image)).toBe(false);
    expect(runs()).toBe(2);
  });
});

test("an administrator's tar on a filesystem without an inode left for the lock is used, with a warning", async () => {
  mkdirSync(cacheDir);
  // One inode for the root, one for the tar.
  sh(`mount -t tmpfs -o nr_inodes=2,mode=0755 none "$1"`, cacheDir);
  try {
    ownTar(tar);
    expect(await acquire()).toContain(tar);
    expect(host.logged()).toMatch(/warning: the cache .* cannot be locked, looked at without: EN/);
  } finally {
    sh(`umount "$1"`, cacheDir);
  }
});

describe("on a read-only filesystem", () => {
  /** Runs `work` while the cache is mounted read-only. */
  async function readOnly(work: () => Promise<void>): Promise<void> {
    sh(`mount --bind "$1" "$1"; mount -o remount,bind,ro "$1"`, cacheDir);
    try {
      await work();
    } finally {
      sh(`umount "$1"`, cacheDir);
    }
  }

  test("an edited tar is used, with a warning that what derives from the old one stays", async () => {
    await acquire();
    ownTar(tar);
    await readOnly(async () => {
      expect(await acquire()).toContain(tar);
      expect(host.logged()).toMatch(/warning: what was derived from .* cannot be removed: EROFS/);
    });
    expect(runs()).toBe(1);
    expect(await acquire()).toContain(tar);
    expect(JSON.parse(readFileSync(manifest, "utf8"))).toMatchObject({ kind: "adopted" });
  });

  test("a tar that ends early is left where it is and not used", async () => {
    await acquire();
    truncateSync(tar, 2048);
    await readOnly(async () => {
      expect(await acquire({ scratchDir: temporaryDirectory() })).toContain("debootstrap from");
      expect(host.logged()).toMatch(/warning: .* is damaged .*: not used, but it cannot be set aside: EROFS/);
    });
    expect(runs()).toBe(2);
    expect(await acquire()).toContain(tar);
    expect(existsSync(`${tar}.damaged`)).toBe(true);
  });
});

function daysAgo(days: number): Date {
  return new Date(Date.now() - days * day);
}

function age(days: number): void {
  utimesSync(tar, daysAgo(days), daysAgo(days));
}

describe("age", () => {
  test("a cache older than CLEAN_CACHE days is made anew, with no limit or without write permission it is used", async () => {
    await acquire();
    age(20);
    await acquire({ cleanCacheDays: undefined });
    chmodSync(tar, 0o444);
    await acquire();
    expect(runs()).toBe(1);
    chmodSync(tar, 0o644);
    age(20);
    await acquire();
    expect(runs()).toBe(2);
  });

  test("a reader keeps its tar when it expires or is replaced meanwhile", async () => {
    await acquire();
    const device = loopOn(diskFile(join(host.directory, "disk"), 64));
    await using system = await acquireSystem(host, config(), []);
    const version = fileIn(tar, "etc/debian_version");
    age(20);
    await pruneCaches(host, config());
    expect(existsSync(tar)).toBe(false);
    await acquire();
    await using target = await system.populate(device, guestFilesystem);
    expect(readFileSync(join(target.path, "etc/debian_version"), "utf8").trim()).toBe(version);
  });

  test("refresh renews what is nearly too old, and leaves alone what is not or is not ours", async () => {
    await acquire();
    const before = fileIn(tar, "etc/debian_version");
    expect(await refreshCaches(host, config(), false)).toEqual([
      { name: "cache-trixie-amd64", outcome: "fresh", reason: "fresh" },
    ]);
    age(13);
    expect(await refreshCaches(host, config(), false)).toEqual([{ name: "cache-trixie-amd64", outcome: "rebuilt" }]);
    expect(fileIn(tar, "etc/debian_version")).not.toBe(before);
    // No create runs cold after it: the image is there, too.
    expect(readdirSync(cacheDir).filter((name) => name.endsWith(".img"))).toHaveLength(1);
    {
      await using system = await acquireSystem(host, config(), []);
      await using _target = await system.populate(
        loopOn(diskFile(join(host.directory, "disk"), 1024)),
        guestFilesystem,
      );
    }
    expect(host.logged().match(/make the ext4 image of the cache \(/g)).toHaveLength(1);
    ownTar(tar);
    age(13);
    expect(await refreshCaches(host, config(), false)).toMatchObject([
      { outcome: "kept", reason: "an administrator's own" },
    ]);
  });
});

test("refresh lets expire what nobody asked for in 90 days, until somebody does", async () => {
  const used = join(cacheDir, "locks/cache-trixie-amd64.used");
  const refresh = async (): Promise<string | undefined> => (await refreshCaches(host, config(), false))[0]?.outcome;
  await acquire();
  utimesSync(used, daysAgo(91.5), daysAgo(91.5));
  age(13);
  expect(await refreshCaches(host, config(), false)).toEqual([
    { name: "cache-trixie-amd64", outcome: "kept", reason: "not used for 91 days: it may expire" },
  ]);
  await acquire();
  expect(await refresh()).toBe("rebuilt");
  utimesSync(used, daysAgo(91.5), daysAgo(91.5));
  age(13);
  expect(await ensureCached(host, config(), cacheRequest(false))).toMatchObject({ built: false });
  expect(await refresh()).toBe("rebuilt");
  // A cache of an earlier version, or copied here: the days begin to count.
  rmSync(used);
  age(13);
  expect(await refresh()).toBe("rebuilt");
  expect(existsSync(used)).toBe(true);
  age(20);
  await pruneCaches(host, config());
  expect(existsSync(used)).toBe(false);
});

test("verify reads everything, sets aside what is damaged and removes damaged images", async () => {
  seedCache(cacheDir);
  const device = loopOn(diskFile(join(host.directory, "disk"), 1024));
  {
    await using system = await acquireSystem(host, config(), []);
    await using _target = await system.populate(device, guestFilesystem);
  }
  const image = join(
    cacheDir,
    readdirSync(cacheDir).find((name) => name.endsWith(".img"))!,
  );
  expect(await verifyCaches(host, config())).toEqual([
    { path: tar, outcome: "whole" },
    { path: image, outcome: "whole" },
  ]);
  expect(await listCaches(config())).toMatchObject([
    { path: tar, origin: "administrator", state: "valid", images: [{ path: image }] },
  ]);
  sh(`printf X | dd of="$1" bs=1 seek=1000000 conv=notrunc status=none`, image);
  expect(await verifyCaches(host, config())).toMatchObject([{ outcome: "whole" }, { path: image, outcome: "damaged" }]);
  expect(existsSync(image)).toBe(false);
});

describe("an image", () => {
  let device: string;
  let image: string;

  const put = async (): Promise<void> => {
    await using system = await acquireSystem(host, config(), []);
    await using _target = await system.populate(device, guestFilesystem);
  };
  const images = (): readonly string[] => readdirSync(cacheDir).filter((name) => name.endsWith(".img"));
  const logged = (pattern: RegExp): number => [...host.logged().matchAll(pattern)].length;

  beforeEach(async () => {
    seedCache(cacheDir);
    device = loopOn(diskFile(join(host.directory, "disk"), 1024));
    await put();
    image = join(cacheDir, images()[0]!);
  });

  function isWhole(): void {
    expect(sh("e2fsck -fn $1 2>&1", device)).toMatch(/: \d+\/\d+ files/);
    sh('cd "$1"; mount "$2" /mnt; tar --compare --file="$3" --directory=/mnt 2>&1 >&2; umount /mnt', "/", device, tar);
  }

  test.each([
    ["its blocks", 'printf X | dd of="$1" bs=1 seek=1000000 conv=notrunc status=none'],
    ["its header", `sed -i 's/"reservedPercent":5/"reservedPercent":4/' "$1"`],
  ])("of which bytes changed in %s is made anew before it is used", async (_where, change) => {
    sh(change, image);
    await put();
    expect(host.logged()).toMatch(/warning: the image .* is damaged \(its bytes changed\)/);
    expect(logged(/make the ext4 image of the cache \(/g)).toBe(2);
    isWhole();
  });

  test("that was touched or copied is read whole once", async () => {
    utimesSync(image, new Date(), new Date());
    await put();
    expect(logged(/check \S+\.img \(/g)).toBe(1);
    await put();
    expect(logged(/check \S+\.img \(/g)).toBe(1);
    expect(logged(/make the ext4 image of the cache \(/g)).toBe(1);
  });

  test("that cannot be read is dropped, and the tar is unpacked instead; verify goes on behind it", async () => {
    const opened = await open("/dev/null", "r");
    const prototype = Object.getPrototypeOf(opened) as FileHandle;
    await opened.close();
    const { read } = prototype as unknown as { read: (...args: unknown[]) => Promise<unknown> };
    const failing = vi.spyOn(prototype, "read").mockImplementation(function (this: FileHandle, ...args: unknown[]) {
      const far = Number(args[3]) > 50_000_000;
      const isImage = far && readlinkSync(`/proc/self/fd/${String(this.fd)}`).endsWith(".img");
      if (isImage)
        return Promise.reject(Object.assign(new Error("EIO: i/o error, read"), { code: "EIO", syscall: "read" }));
      return read.apply(this, args) as never;
    });
    try {
      await put();
    } finally {
      failing.mockRestore();
    }
    expect(host.logged()).toMatch(
      /warning: the image \S+ cannot be read \(EIO: .*\): removed, and the tar is unpacked/,
    );
    expect(images()).toEqual([]);
    isWhole();
    mkdirSync(join(cacheDir, "cache-aaa-amd64.tar"));
    expect(await verifyCaches(host, config())).toEqual([
      {
        path: join(cacheDir, "cache-aaa-amd64.tar"),
        outcome: "damaged",
        reason: expect.stringMatching(/is a directory, not a regular file/) as string,
      },
      { path: tar, outcome: "whole" },
    ]);
  });

  test("of an earlier version is removed when the tar's image is made anew", async () => {
    const earlier = image.replace(/[^-]+\.img$/, "0123456789.img");
    writeFileSync(earlier, "ganeti-instance-debootstrap-image 2 4096\n");
    rmSync(image);
    await put();
    expect(images()).toEqual([basename(image)]);
  });
});

test("prune removes what has no tar, what is damaged and what is half-written", async () => {
  await acquire();
  const useless = [
    "cache-x-amd64.manifest.json",
    "cache-x-amd64.ext4-0123456789.img",
    "cache-x-amd64.tar.damaged",
    "cache-y-amd64.tar.partial",
  ];
  for (const name of useless) writeFileSync(join(cacheDir, name), "");
  writeFileSync(join(cacheDir, "notes"), "");
  const { files } = await pruneCaches(host, config());
  expect(files).toEqual(useless.slice(0, 3).sort());
  expect(readdirSync(cacheDir).sort()).toEqual([
    "cache-trixie-amd64.manifest.json",
    "cache-trixie-amd64.tar",
    "locks",
    "notes",
    "scratch",
  ]);
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
