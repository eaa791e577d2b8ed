import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { checkConfig, formatCheck } from "../../../src/config/check.ts";
import { settingNames } from "../../../src/settings/settings.ts";
import { formatConfig, showConfig } from "../../../src/config/show.ts";
import { settingsTree } from "../../fixtures/settings-tree.ts";
import { testHost } from "../../fixtures/test-host.ts";

const request = {
  action: "config",
  apiVersion: 20,
  variant: undefined,
  environment: { PATH: "/usr/bin:/bin" },
} as const;

describe("config show", () => {
  it("tells the value and the origin of each setting, in the order of the table", async () => {
    const tree = settingsTree({ defaults: "SUITE=bookworm\n", variants: { v: 'EXTRA_PKGS="vim nano"\n' } });
    const shown = await showConfig(testHost(), { ...request, variant: "v" }, tree);
    expect(shown.settings.map(({ name }) => name)).toEqual(settingNames);
    expect(shown.variant).toBe("v");
    const lines = formatConfig(shown).split("\n");
    const line = (name: string) => lines.find((text) => text.startsWith(`${name}=`));
    expect(line("SUITE")).toMatch(new RegExp(`^SUITE=bookworm +# ${tree.defaultsFile}$`));
    expect(line("EXTRA_PKGS")).toMatch(/^EXTRA_PKGS='vim nano' +# .*v\.conf$/);
    expect(line("GENERATE_CACHE")).toMatch(/^GENERATE_CACHE=yes +# built-in$/);
    expect(line("ARCH")).toMatch(/^ARCH=\w+ +# built-in$/);
  });

  it("prints lines that bash reads as settings", async () => {
    const tree = settingsTree({ defaults: `DEBOOTSTRAP_OPTS="--aptopt='A \\"b\\"'"\nexport SECRET=1\n` });
    const shown = await showConfig(testHost(), request, tree);
    const again = settingsTree({ defaults: formatConfig(shown) });
    const second = await showConfig(testHost(), request, again);
    expect(second.settings.map(({ value }) => value)).toEqual(shown.settings.map(({ value }) => value));
  });

  it("names what is exported, but not the values, and masks the password of a proxy", async () => {
    const tree = settingsTree({ defaults: "export TOKEN=sesame\nPROXY=http://me:sesame@proxy.example.com:3128\n" });
    const shown = await showConfig(testHost(), request, tree);
    expect(shown.exported).toEqual(["TOKEN"]);
    expect(JSON.stringify(shown) + formatConfig(shown)).not.toContain("sesame");
    expect(formatConfig(shown)).toContain("http://***@proxy.example.com:3128");
  });

  it("shows wrong values with what is wrong about them", async () => {
    const shown = await showConfig(
      testHost(),
      request,
      settingsTree({ defaults: "PARTITION_STYLE=mbr\nEXTRAPKGS=vim\n" }),
    );
    const text = formatConfig(shown);
    expect(text).toContain("PARTITION_STYLE=mbr");
    expect(text).toMatch(/# problem: PARTITION_STYLE="mbr" .*line 1\): expected none, msdos or gpt/);
    expect(text).toContain("# warning: ");
  });
});

describe("config check", () => {
  it("is content with a fresh installation", async () => {
    const results = await checkConfig(testHost(), request, settingsTree({ defaults: "", variants: { default: "" } }));
    expect(formatCheck(results)).toBe("settings without a variant: ok\nvariant default: ok\n");
  });

  it("loads every variant, published or not, and reports the problems of all", async () => {
    const tree = settingsTree({
      defaults: "CLEAN_CACHE=soon\n",
      published: ["default", "gone"],
      variants: { default: "", broken: "if\n", wrong: "SUITE='a b'\nPARTITION_STYLE=x\n" },
    });
    const results = await checkConfig(testHost(), request, tree);
    const count = Object.fromEntries(results.map(({ variant, problems }) => [String(variant), problems.length]));
    expect(count).toEqual({ null: 1, broken: 1, default: 0, gone: 1, wrong: 2 });
    const text = formatCheck(results);
    expect(text).toContain("variant gone: 1 problem\n  variant gone is published in");
    expect(text).toContain("variant broken (not in variants.list): 1 problem\n");
    expect(text).toContain(`SUITE="a b" (${join(tree.variantsDir, "wrong.conf")} line 1)`);
    expect(text.match(/CLEAN_CACHE/g)).toHaveLength(1);
  });

  it("has a problem with a name that looks like a setting's", async () => {
    const tree = settingsTree({ defaults: "EXTRA_PKG=vim\n", variants: { default: "SUITES=sid\n" } });
    const results = await checkConfig(testHost(), request, tree);
    expect(results.map(({ problems }) => problems)).toEqual([
      [expect.stringContaining("did you mean EXTRA_PKGS?")],
      [expect.stringContaining("did you mean SUITE?")],
    ]);
  });

  it("finds settings that are wrong together", async () => {
    const tree = settingsTree({
      defaults: "EXTRA_PKGS=hello\n",
      variants: { default: "DEBOOTSTRAP_OPTS=--include=less\n" },
    });
    const results = await checkConfig(testHost(), request, tree);
    expect(results.map(({ problems }) => problems.length)).toEqual([0, 1]);
  });

  it("says nothing of the variants when the defaults file cannot be evaluated", async () => {
    const results = await checkConfig(
      testHost(),
      request,
      settingsTree({ defaults: "exec true\n", variants: { default: "" } }),
    );
    expect(results).toHaveLength(1);
    expect(results[0]?.problems).toEqual([expect.stringContaining("ended the shell")]);
  });
});
