import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { admin } from "../../../src/commands/admin/program.ts";
import { HelpRequested } from "../../../src/os-api/parse.ts";
import { settingsTree, type SettingsTreeContent } from "../../fixtures/settings-tree.ts";
import { type TestHost, testHost } from "../../fixtures/test-host.ts";

interface Answer {
  readonly host: TestHost;
  readonly text: string;
  readonly error: unknown;
}

async function call(argv: readonly string[], content: SettingsTreeContent = {}, host = testHost()): Promise<Answer> {
  let text = "";
  const context = {
    host,
    installation: settingsTree(content),
    environment: { PATH: host.path },
    answer: (more: string) => {
      text += more;
    },
  };
  const error = await admin(context, argv).catch((caught: unknown) => caught);
  return { host, text, error };
}

test("shows each setting with where it was set", async () => {
  const { text } = await call(["config", "show", "--json"], { defaults: "SUITE=bookworm\n" });
  const { settings } = JSON.parse(text) as { settings: { name: string; value: string; origin: { kind: string } }[] };
  expect(settings.find(({ name }) => name === "SUITE")).toMatchObject({ value: "bookworm", origin: { kind: "file" } });
});

test("shows a variant's settings", async () => {
  const { text } = await call(["config", "show", "--variant", "old"], { variants: { old: "SUITE=bullseye\n" } });
  expect(text).toMatch(/^SUITE=bullseye +# .*old\.conf/m);
});

test("checks every variant and fails when one has a problem", async () => {
  const content = { variants: { default: "", good: "SUITE=bookworm\n", bad: "PARTITION_STYLE=bsd\n" } };
  const { text, error } = await call(["config", "check"], content);
  expect(text).toMatch(/PARTITION_STYLE/);
  expect(error).toMatchObject({ message: expect.stringMatching(/^1 of \d configurations have problems$/) as string });
});

test("releases what a dead run left, and says what", async (context) => {
  context.skip(process.getuid?.() !== 0, "needs root");
  const host = testHost();
  const left = join(host.runDir, "mounts/0123456789abcdef");
  mkdirSync(left, { recursive: true });
  mkdirSync(join(host.runDir, "journal"));
  const lines = [{ owner: { pid: 1, startTime: "1" } }, { id: 0, entry: { kind: "directory", path: left } }];
  writeFileSync(join(host.runDir, "journal/1-1.jsonl"), lines.map((line) => `${JSON.stringify(line)}\n`).join(""));
  const { text } = await call(["gc"], {}, host);
  expect(text).toContain(`released`);
  expect(text).toContain(left);
  expect((await call(["gc", "--json"], {}, host)).text).toContain('"runs": 0');
});

test.each([[["--help"]], [["config", "--help"]], [["config", "show", "-h"]]])("answers %j with help", async (argv) => {
  const { error } = await call(argv);
  expect(error).toBeInstanceOf(HelpRequested);
  expect((error as HelpRequested).text).toContain("Usage: ganeti-instance-debootstrap");
});

test.each([[[]], [["frobnicate"]], [["config", "show", "--frob"]], [["config", "show", "extra"]]])(
  "calls %j a wrong call",
  async (argv) => {
    expect((await call(argv)).error).toMatchObject({ name: "UsageError", exitCode: 2 });
  },
);
