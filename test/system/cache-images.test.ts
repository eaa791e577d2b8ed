import { mkdirSync, readdirSync, readlinkSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { basename, join } from "node:path";
import { beforeEach, describe, expect, test, vi } from "vitest";
import { acquireSystem } from "../../src/system-image/acquire.ts";
import { verifyCaches } from "../../src/system-image/verify.ts";
import { seedCache } from "../fixtures/bootstrapped-cache.ts";
import { guestFilesystem, host, cacheDir, tar, config, freshCache } from "../fixtures/cache-site.ts";
import { diskFile, loopOn, sh } from "../fixtures/loop-disk.ts";

freshCache();

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
