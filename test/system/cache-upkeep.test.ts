import { existsSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { acquireSystem } from "../../src/system-image/acquire.ts";
import { listCaches } from "../../src/system-image/list.ts";
import { pruneCaches } from "../../src/system-image/prune.ts";
import { verifyCaches } from "../../src/system-image/verify.ts";
import { seedCache } from "../fixtures/bootstrapped-cache.ts";
import { guestFilesystem, host, cacheDir, tar, config, acquire, freshCache } from "../fixtures/cache-site.ts";
import { diskFile, loopOn, sh } from "../fixtures/loop-disk.ts";

freshCache();

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
