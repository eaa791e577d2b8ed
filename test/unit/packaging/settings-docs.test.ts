import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { readmeTable, settingsFile, withReadmeTable } from "../../../scripts/settings-docs.ts";
import { settingNames } from "../../../src/settings/settings.ts";

// When one of these fails: npm run settings-docs

test("the settings file shows the table of settings", () => {
  expect(readFileSync("defaults", "utf8")).toBe(settingsFile());
});

test("the README shows the table of settings", () => {
  expect(readFileSync("README.md", "utf8")).toContain(`\n${readmeTable()}`);
});

test("the settings file is all commented out and names each setting once", () => {
  const lines = settingsFile().split("\n");
  expect(lines.filter((line) => !/^(#|$)/.test(line))).toEqual([]);
  const names = lines.flatMap((line) => /^# ([A-Z_]+)=".*"$/.exec(line)?.[1] ?? []);
  expect(names).toEqual(settingNames);
});

test("refuses a README without a table", () => {
  expect(() => withReadmeTable("# Title\n")).toThrow("no table of settings");
});
