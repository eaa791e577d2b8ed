import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { manPages, projectVersion } from "../../../scripts/man-pages.ts";
import { settingNames } from "../../../src/settings/settings.ts";

const pages = manPages(projectVersion());

test("the manual pages are those that `npm run man-pages` writes", () => {
  expect(readdirSync("man").sort()).toEqual(Object.keys(pages).sort());
  for (const [name, source] of Object.entries(pages)) expect(readFileSync(`man/${name}`, "utf8"), name).toBe(source);
});

test.each(Object.keys(pages))("groff has no warning about %s", (name) => {
  const { stderr } = run("groff", ["-man", "-Tutf8", "-ww", "-z", `man/${name}`]);
  expect(stderr).toBe("");
});

test("every setting and every verb is there", () => {
  const settings = pages["ganeti-instance-debootstrap.conf.5"] ?? "";
  expect(settingNames.filter((name) => !settings.includes(`\n\\fB${name}\\fR\n`))).toEqual([]);
  const verbs = ["cache build", "cache list", "cache prune", "cache refresh", "cache verify", "config check", "gc"];
  const command = pages["ganeti-instance-debootstrap.8"] ?? "";
  expect(verbs.filter((verb) => !command.includes(`\n\\fB${verb}`))).toEqual([]);
});

function run(file: string, args: readonly string[]): { readonly stderr: string } {
  const stderr = execFileSync("sh", ["-c", 'exec "$0" "$@" 2>&1 >/dev/null', file, ...args], { encoding: "utf8" });
  return { stderr };
}
