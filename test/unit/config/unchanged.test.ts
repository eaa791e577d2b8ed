import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { type EvaluationTask, evaluateInShell } from "../../../src/config/evaluate.ts";
import { unchangedValues } from "../../../src/config/unchanged.ts";
import { settingsTree, type SettingsTreeContent } from "../../fixtures/settings-tree.ts";
import { testHost } from "../../fixtures/test-host.ts";

function taskFor(
  content: SettingsTreeContent,
  environment: Readonly<Record<string, string>>,
  variant?: string,
): EvaluationTask {
  const tree = settingsTree(content);
  return {
    defaultsFile: content.defaults === undefined ? undefined : tree.defaultsFile,
    variant,
    environment,
    facts: { apiVersion: 20, installation: tree },
    directory: tree.osDir,
    command: "create",
    timeoutSeconds: 60,
  };
}

const comments = "# SUITE=trixie\n\n  \t# echo 'a comment' \\\n#\n   ";
const environments: readonly Readonly<Record<string, string>>[] = [
  {},
  { SUITE: "trixie", MIRROR: "", EXTRA_PKGS: "", CLEAN_CACHE: "" },
  { EXTRAPKGS: "vim,less" },
  { EXTRAPKGS: "vim,less", EXTRA_PKGS: "nano" },
  { EXTRAPKGS: "", EXTRA_PKGS: "nano", CUSTOMIZE_DIR: "" },
  { GENERATE_CACHE: "", ARCH: "i386", PARTITION_STYLE: "none", DEBUG_LEVEL: "0", INSTANCE_NAME: "web1.example.com" },
  { PATH: "/usr/bin:/bin", HOME: "/root", PWD: "/nowhere", SHLVL: "5", _: "/usr/bin/env" },
  { OSP_DEBIAN_MIRROR: "line one\nline two", NIC_0_IP: "", TERM: "xterm", LANG: "C" },
];
const files: readonly (SettingsTreeContent & { readonly variant?: string })[] = [
  {},
  { defaults: "" },
  { defaults: comments },
  { defaults: comments, variants: { small: comments }, variant: "small" },
  { variants: { small: "" }, variant: "small" },
  { variants: { other: "" }, variant: "missing" },
];

test.each(environments.flatMap((environment) => files.map((content) => ({ environment, content }))))(
  "with nothing to run, says what the shell says: $environment, $content",
  async ({ environment, content }) => {
    const task = taskFor(content, environment, content.variant);
    const unchanged = await unchangedValues(task);
    expect(unchanged).toBeDefined();
    expect(unchanged).toEqual(await evaluateInShell(testHost(), task));
  },
);

test.each([
  "SUITE=trixie",
  "# a comment\n:",
  "\r",
  "#\r\n",
  "  . /etc/os-release # more",
  "true; # x",
  "\\\n# continued",
  "#\0",
  "é",
])("leaves it to the shell where a file holds %j", async (text) => {
  expect(await unchangedValues(taskFor({ defaults: text }, {}))).toBeUndefined();
  expect(await unchangedValues(taskFor({ variants: { small: text } }, {}, "small"))).toBeUndefined();
});

test.each([
  "BASH_ENV",
  "SHELLOPTS",
  "UID",
  "IFS",
  "PS1",
  "LC_ALL",
  "LD_PRELOAD",
  "POSIXLY_CORRECT",
  "with-dash",
  "BASH_FUNC_x%%",
  "__gid_out",
])("leaves it to the shell where the environment has %s", async (name) => {
  expect(await unchangedValues(taskFor({}, { [name]: "x" }))).toBeUndefined();
});

test("leaves it to the shell where VARIANTS_DIR is not absolute", async () => {
  expect(await unchangedValues(taskFor({}, { VARIANTS_DIR: "variants" }, "small"))).toBeUndefined();
});

test("finds variants where the shell does: dots in the path are the kernel's to resolve", async () => {
  const task = taskFor({ variants: { small: "" } }, {}, "small");
  const VARIANTS_DIR = `${task.facts.installation.sysconfdir}/nowhere/../ganeti/instance-debootstrap/variants`;
  const dotted = { ...task, environment: { VARIANTS_DIR } };
  expect(await unchangedValues(dotted)).toEqual(await evaluateInShell(testHost(), dotted));
  expect((await unchangedValues(dotted))?.noVariantFile).toBe(true);
});

test("a variant that is a directory is no file", async () => {
  const task = taskFor({}, {}, "folder");
  mkdirSync(join(task.facts.installation.sysconfdir, "ganeti/instance-debootstrap/variants/folder.conf"));
  expect(await unchangedValues(task)).toEqual(await evaluateInShell(testHost(), task));
  expect((await unchangedValues(task))?.noVariantFile).toBe(true);
});
