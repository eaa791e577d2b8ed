import { chmodSync, mkdirSync, readFileSync, statSync, truncateSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { pruneCaches } from "../../src/system-image/prune.ts";
import { ensureCached } from "../../src/system-image/build.ts";
import {
  cacheRequest,
  fakeDebootstrap,
  host,
  cacheDir,
  tar,
  manifest,
  runs,
  config,
  acquire,
  ownTar,
  fileIn,
  replaceHost,
  freshCache,
} from "../fixtures/cache-site.ts";
import { fakeCommands, testHost } from "../fixtures/test-host.ts";

freshCache();

describe("the key", () => {
  test("keeps variants of one suite apart, and each finds its own again", async () => {
    const origins = { EXTRA_PKGS: { kind: "file", path: join(config().variantsDir, "v.conf") } } as const;
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
    replaceHost(testHost({ path: putting.path }));
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
