import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { openCacheFolder } from "../../src/system-image/cache/folder.ts";
import { host, cacheDir, tar, manifest, runs, acquire, ownTar, fileIn, freshCache } from "../fixtures/cache-site.ts";
import { sh } from "../fixtures/loop-disk.ts";
import { temporaryDirectory } from "../fixtures/test-host.ts";

freshCache();

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
