import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { osParameterSettings } from "../../../src/config/os-parameters.ts";
import { defaultOf, type DefaultFacts, settingNames, settingOf } from "../../../src/config/settings.ts";

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
    expect(name).toMatch(/^[A-Z][A-Z_]*$/);
  });
});

describe("OS parameters", () => {
  it("are the settings named OSP_*, each after its parameter", () => {
    expect(osParameterSettings().map(({ name }) => name)).toEqual(
      settingNames.filter((name) => name.startsWith("OSP_")),
    );
    for (const { parameter, name } of osParameterSettings()) expect(name).toBe(`OSP_${parameter.toUpperCase()}`);
  });

  it("are those of parameters.list", () => {
    const list = readFileSync(new URL("../../../os-definition/parameters.list", import.meta.url), "utf8");
    const declared = list
      .trimEnd()
      .split("\n")
      .map((line) => line.split(" ")[0]);
    expect(osParameterSettings().map(({ parameter }) => parameter)).toEqual(declared);
  });
});
