import { describe, expect, test } from "vitest";
import type { Config } from "../../../../src/config/config.ts";
import {
  chosenSettings,
  componentsOf,
  hashedName,
  sameSpec,
  systemName,
  systemSpec,
} from "../../../../src/system-image/spec/system-spec.ts";
import { bootstrapMeans, engineEnvironment } from "../../../../src/system-image/archive/bootstrap-means.ts";
import { testConfig } from "../../../fixtures/config.ts";

function config(changes: Partial<Config> = {}): Config {
  return testConfig("/cache", { suite: "trixie", arch: "amd64", variantsDir: "/etc/variants", ...changes });
}

function nameOf(changes: Partial<Config>, packages: readonly string[] = []): string {
  const settings = config(changes);
  return systemName(systemSpec(settings, packages), settings, packages);
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
    expect(sameSpec(systemSpec(config(change), []), systemSpec(config(), []))).toBe(false);
  });

  test("changes with the packages for booting", () => {
    const grub = systemSpec(config(), ["grub-pc"]);
    expect(sameSpec(grub, systemSpec(config(), []))).toBe(false);
  });

  const irrelevant: readonly (readonly [string, Partial<Config>])[] = [
    ["proxy", { proxy: "http://proxy.example.com/" }],
    ["partition style", { partitionStyle: "gpt" }],
    ["filesystem", { filesystem: "xfs" }],
    ["age", { cleanCacheDays: undefined }],
    ["variables of hooks", { exported: { ROOT_KEY: "ssh-ed25519 AAAA" } }],
  ];

  test.each(irrelevant)("does not change with the %s", (_what, change) => {
    expect(systemSpec(config(change), [])).toEqual(systemSpec(config(), []));
  });

  test("does not depend on the order of packages, on repetition or on a slash behind the mirror", () => {
    const a = systemSpec(config({ extraPackages: ["a", "b", "a"], mirror: "http://mirror.example.com/debian/" }), []);
    const b = systemSpec(config({ extraPackages: ["b"], mirror: "http://mirror.example.com/debian" }), ["a"]);
    expect(sameSpec(a, b)).toBe(true);
    expect(hashedName(a)).toBe(hashedName(b));
  });

  test("is the same after a manifest was read back, whatever the order of its fields", () => {
    const key = systemSpec(config(), []);
    const reversed = Object.fromEntries(Object.entries(key).reverse()) as typeof key;
    expect(sameSpec(reversed, key)).toBe(true);
    expect(hashedName(reversed)).toBe(hashedName(key));
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
  expect(chosenSettings(config({ origins }), [])).toEqual(["EXTRA_PKGS"]);
  expect(chosenSettings(config(), ["grub-pc"])).toEqual(["packages for booting (grub-pc)"]);
});

test("the directory of suite scripts is the spec's, whatever the settings of the run that makes it say", () => {
  const made = systemSpec(config({ exported: { DEBOOTSTRAP_DIR: "/srv/scripts", ROOT_KEY: "key" } }), []);
  const other = bootstrapMeans(config({ exported: { DEBOOTSTRAP_DIR: "/other", ROOT_KEY: "key" } }));
  expect(engineEnvironment(made, other)).toEqual({ DEBOOTSTRAP_DIR: "/srv/scripts", ROOT_KEY: "key" });
  expect(engineEnvironment(systemSpec(config(), []), other)).toEqual({ ROOT_KEY: "key" });
});

test("a suite too long for a file's name is refused", () => {
  expect(() => nameOf({ suite: "x".repeat(100_000) })).toThrow(/SUITE and ARCH make a file name of \d+ bytes/);
});

test("components are listed with main first", () => {
  expect(componentsOf({ components: ["contrib", "main", "non-free"] })).toEqual(["main", "contrib", "non-free"]);
  expect(componentsOf({ components: [] })).toEqual(["main"]);
});
