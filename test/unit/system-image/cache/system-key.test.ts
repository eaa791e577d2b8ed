import { describe, expect, test } from "vitest";
import type { Config } from "../../../../src/config/config.ts";
import {
  cacheKeyOf,
  cacheName,
  chosenSettings,
  keyHash,
  sameKey,
} from "../../../../src/system-image/cache/system-key.ts";
import { wantedAgain } from "../../../../src/system-image/build.ts";
import { testConfig } from "../../../fixtures/config.ts";

const needs = { packages: [], filesystem: "ext4", bootloader: "none" } as const;

function config(changes: Partial<Config> = {}): Config {
  return testConfig("/cache", { suite: "trixie", arch: "amd64", variantsDir: "/etc/variants", ...changes });
}

function nameOf(changes: Partial<Config>, packages: readonly string[] = []): string {
  const settings = config(changes);
  const wanted = { ...needs, packages };
  return cacheName(cacheKeyOf(settings, wanted), settings, wanted);
}

describe("the key of a system", () => {
  const changes: readonly (readonly [string, Partial<Config>])[] = [
    ["suite", { suite: "bookworm" }],
    ["architecture", { arch: "arm64" }],
    ["mirror", { mirror: "http://mirror.example.com/debian" }],
    ["components", { components: ["main", "contrib"] }],
    ["extra packages", { extraPackages: ["less"] }],
    ["engine", { bootstrap: "mmdebstrap" }],
    ["engine's options", { debootstrapOptions: ["--variant=minbase"] }],
    ["keyring", { keyring: "/etc/keys.gpg" }],
    ["check of signatures", { checkSignatures: false }],
    ["directory of suite scripts", { exported: { DEBOOTSTRAP_DIR: "/srv/scripts" } }],
  ];

  test.each(changes)("changes with the %s", (_what, change) => {
    expect(sameKey(cacheKeyOf(config(change), needs), cacheKeyOf(config(), needs))).toBe(false);
  });

  test("changes with the packages for booting", () => {
    const grub = cacheKeyOf(config(), { ...needs, packages: ["grub-pc"] });
    expect(sameKey(grub, cacheKeyOf(config(), needs))).toBe(false);
  });

  const irrelevant: readonly (readonly [string, Partial<Config>])[] = [
    ["proxy", { proxy: "http://proxy.example.com/" }],
    ["partition style", { partitionStyle: "gpt" }],
    ["filesystem", { filesystem: "xfs" }],
    ["age", { cleanCacheDays: undefined }],
    ["variables of hooks", { exported: { ROOT_KEY: "ssh-ed25519 AAAA" } }],
  ];

  test.each(irrelevant)("does not change with the %s", (_what, change) => {
    expect(cacheKeyOf(config(change), needs)).toEqual(cacheKeyOf(config(), needs));
  });

  test("does not depend on the order of packages, on repetition or on a slash behind the mirror", () => {
    const a = cacheKeyOf(
      config({ extraPackages: ["a", "b", "a"], mirror: "http://mirror.example.com/debian/" }),
      needs,
    );
    const b = cacheKeyOf(config({ extraPackages: ["b"], mirror: "http://mirror.example.com/debian" }), {
      ...needs,
      packages: ["a"],
    });
    expect(sameKey(a, b)).toBe(true);
    expect(keyHash(a)).toBe(keyHash(b));
  });

  test("is the same after a manifest was read back, whatever the order of its fields", () => {
    const key = cacheKeyOf(config(), needs);
    const reversed = Object.fromEntries(Object.entries(key).reverse()) as typeof key;
    expect(sameKey(reversed, key)).toBe(true);
    expect(keyHash(reversed)).toBe(keyHash(key));
  });
});

describe("the name of a cache", () => {
  test("is the plain one for the settings without a variant, whatever the defaults file sets", () => {
    const origins = { EXTRA_PKGS: { kind: "file", path: "/etc/default/settings" } } as const;
    expect(nameOf({})).toBe("cache-trixie-amd64");
    expect(nameOf({ extraPackages: ["less"], origins })).toBe("cache-trixie-amd64");
  });

  test("is the plain one for a variant that changes nothing in the system", () => {
    const origins = { PARTITION_STYLE: { kind: "file", path: "/etc/variants/v.conf" } } as const;
    expect(nameOf({ variant: "v", origins })).toBe("cache-trixie-amd64");
  });

  test.each([
    ["a variant", { variant: "v", origins: { MIRROR: { kind: "file", path: "/etc/variants/v.conf" } } }],
    ["an OS parameter", { origins: { EXTRA_PKGS: { kind: "os-parameter", name: "extra_pkgs" } } }],
  ] as const)("carries a hash for what %s sets", (_what, change) => {
    expect(nameOf(change)).toMatch(/^cache-trixie-amd64-[0-9a-f]{10}$/);
  });

  test("carries a hash for a guest that needs packages for booting", () => {
    expect(nameOf({}, ["grub-pc"])).toMatch(/^cache-trixie-amd64-[0-9a-f]{10}$/);
  });
});

test("an administrator's tar cannot be vouched for in the settings that were chosen", () => {
  const origins = {
    SUITE: { kind: "environment" },
    EXTRA_PKGS: { kind: "file", path: "/etc/default/settings" },
    MIRROR: { kind: "default" },
  } as const;
  expect(chosenSettings(config({ origins }), needs)).toEqual(["EXTRA_PKGS"]);
  expect(chosenSettings(config(), { ...needs, packages: ["grub-pc"] })).toEqual(["packages for booting (grub-pc)"]);
});

test("a system is made again with the directory of suite scripts that it was made with, and without one without", () => {
  const scripts = { DEBOOTSTRAP_DIR: "/srv/scripts", ROOT_KEY: "key" };
  const name = nameOf({ exported: scripts });
  expect(name).toMatch(/^cache-trixie-amd64-[0-9a-f]{10}$/);
  const made = cacheKeyOf(config({ exported: scripts }), needs);
  const again = wantedAgain(config({ exported: { DEBOOTSTRAP_DIR: "/other", ROOT_KEY: "key" } }), name, made);
  expect(again.config.exported).toEqual(scripts);
  expect(sameKey(cacheKeyOf(again.config, needs), made)).toBe(true);
  const plain = wantedAgain(config({ exported: scripts }), "cache-trixie-amd64", cacheKeyOf(config(), needs));
  expect(plain.config.exported).toEqual({ ROOT_KEY: "key" });
});
