import { chmodSync, existsSync, readdirSync, readFileSync, rmSync, utimesSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { acquireSystem } from "../../src/system-image/acquire.ts";
import { pruneCaches } from "../../src/system-image/prune.ts";
import { ensureCached } from "../../src/system-image/build.ts";
import { refreshCaches } from "../../src/system-image/refresh.ts";
import {
  guestFilesystem,
  cacheRequest,
  day,
  host,
  cacheDir,
  tar,
  runs,
  config,
  acquire,
  ownTar,
  fileIn,
  freshCache,
} from "../fixtures/cache-site.ts";
import { diskFile, loopOn } from "../fixtures/loop-disk.ts";

freshCache();

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
