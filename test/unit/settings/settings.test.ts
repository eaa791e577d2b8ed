import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import type { DefaultFacts } from "../../../src/settings/setting.ts";
import { defaultOf, osParameters, settingNames, settingOf, shapingSettings } from "../../../src/settings/settings.ts";

const facts: DefaultFacts = { apiVersion: 20, installation: { sysconfdir: "/etc", localstatedir: "/var" } };

describe("every setting", () => {
  it.each(settingNames)(
    "%s has a default that is valid, an example that is valid, and words for its reader",
    (name) => {
      const { type, example, help, expected } = settingOf(name);
      expect(type.safeParse(defaultOf(name, facts)).success || name === "ARCH").toBe(true);
      if (example !== undefined) expect(type.safeParse(example).success).toBe(true);
      expect(help).toMatch(/^\S.*\.$/);
      expect(help).not.toContain("|");
      expect(expected).not.toMatch(/\.$/);
    },
  );

  it.each(settingNames)("%s is named like a shell variable", (name) => {
    expect(name).toMatch(/^[A-Z][A-Z_]*[0-9]?$/);
  });
});

describe("OS parameters", () => {
  it("arrive as OSP_ and their name", () => {
    expect(osParameters).toContainEqual(
      expect.objectContaining({ name: "filesystem", setting: "OSP_FILESYSTEM", variable: "OSP_FILESYSTEM" }),
    );
    for (const { name, variable } of osParameters) expect(variable).toBe(`OSP_${name.toUpperCase()}`);
  });

  it("are those of parameters.list", () => {
    const list = readFileSync(new URL("../../../os-definition/parameters.list", import.meta.url), "utf8");
    const declared = list
      .trimEnd()
      .split("\n")
      .map((line) => line.split(" ")[0]);
    expect(osParameters.map(({ name }) => name)).toEqual(declared);
  });
});

it("no two settings have one key", () => {
  const keys = settingNames.map((name) => settingOf(name).key);
  expect(new Set(keys).size).toBe(keys.length);
});

it("knows which settings shape a system", () => {
  expect([...shapingSettings].sort()).toEqual([
    "ARCH",
    "BOOTSTRAP",
    "CHECK_SIGNATURES",
    "COMPONENTS",
    "DEBOOTSTRAP_OPTS",
    "EXTRA_PKGS",
    "KEYRING",
    "MIRROR",
    "SUITE",
  ]);
});
