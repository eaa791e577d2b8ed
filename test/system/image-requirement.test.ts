import { statfsSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { acquireSystem } from "../../src/system-image/acquire.ts";
import { seedCache } from "../fixtures/bootstrapped-cache.ts";
import { testConfig } from "../fixtures/config.ts";
import { diskFile, loopOn } from "../fixtures/loop-disk.ts";
import { testHost } from "../fixtures/test-host.ts";

const mebibyte = 1024 * 1024;

test.each(["ext2", "ext3", "ext4", "xfs", "btrfs"] as const)(
  "the smallest disk accepted for %s holds the system with room for its configuration, and is not far too large",
  async (filesystem) => {
    const host = testHost();
    const cacheDir = join(host.directory, "cache");
    seedCache(cacheDir);
    const guestFilesystem = { type: filesystem, suite: "trixie", bootloader: "none" } as const;
    await using system = await acquireSystem(host, testConfig(cacheDir, { filesystem }), []);
    const mebibytes = Math.ceil(system.requirement(filesystem).bytes / mebibyte);
    const device = loopOn(diskFile(join(host.directory, "disk"), mebibytes));
    await using target = await system.populate(device, guestFilesystem);
    const { bfree, bsize, ffree } = statfsSync(target.path);
    expect(bfree * bsize).toBeGreaterThan(8 * mebibyte);
    expect(filesystem === "btrfs" || ffree > 256).toBe(true);
    expect(mebibytes).toBeLessThan(400);
  },
);
