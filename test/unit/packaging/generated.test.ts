import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { generated, settingsFile, withHookDefaults, withReadmeTable } from "../../../scripts/generate.ts";
import { usage } from "../../../src/os-api/usage.ts";
import { osParameters, settingNames, settingOf } from "../../../src/settings/settings.ts";

// When it fails: npm run generate
test.each(Object.keys(generated))("%s shows the table of settings as it is", (path) => {
  const now = readFileSync(path, "utf8");
  expect(now).toBe(generated[path]?.(now));
});

test("the settings file is all commented out and names each setting once", () => {
  const lines = settingsFile().split("\n");
  expect(lines.filter((line) => !/^(#|$)/.test(line))).toEqual([]);
  const names = lines.flatMap((line) => /^# ([A-Z_]+[0-9]?)=".*"$/.exec(line)?.[1] ?? []);
  expect(names).toEqual(settingNames);
});

test("the usage texts name the OS parameters that have an effect, and no others", () => {
  for (const action of ["create", "import", "export", "rename"] as const) {
    const named = [...usage(action).matchAll(/^ {2}(OSP_[A-Z0-9_]+) /gm)].map(([, variable]) => variable);
    const effective = osParameters.filter(({ setting }) => settingOf(setting).applies.includes(action));
    expect(named).toEqual(effective.map(({ variable }) => variable));
  }
  for (const { variable } of osParameters) expect(usage("verify")).toContain(`  ${variable} `);
});

test("refuses files that have no place for the table", () => {
  expect(() => withReadmeTable("# Title\n")).toThrow("no table of settings");
  expect(() => withHookDefaults("CLEANUP=()\n")).toThrow("no list of settings");
});
