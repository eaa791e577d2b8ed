import { spawnSync } from "node:child_process";
import { copyFileSync, existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { temporaryDirectory } from "../../fixtures/test-host.ts";

interface Outcome {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
  /** What was written to config.mk, by variable. */
  readonly values: Readonly<Record<string, string>> | undefined;
}

function configure(...options: readonly string[]): Outcome {
  const directory = temporaryDirectory();
  copyFileSync("configure", join(directory, "configure"));
  const { status, stdout, stderr } = spawnSync("sh", [join(directory, "configure"), ...options], {
    encoding: "utf8",
    env: { PATH: process.env["PATH"] },
  });
  const written = join(directory, "config.mk");
  const values = existsSync(written) ? parse(readFileSync(written, "utf8")) : undefined;
  return { status, stdout, stderr, values };
}

function parse(text: string): Readonly<Record<string, string>> {
  return Object.fromEntries([...text.matchAll(/^([A-Z_]+) \?= ?(.*)$/gm)].map(([, name, value]) => [name!, value!]));
}

const packaged = {
  PREFIX: "/usr",
  SYSCONFDIR: "/etc",
  LOCALSTATEDIR: "/var",
  OS_DIR: "/usr/share/ganeti/os",
  NODE: "",
};

test("without options chooses /usr, /etc, /var and the OS directory of packages", () => {
  expect(configure()).toMatchObject({ status: 0, stderr: "", values: packaged });
});

test("takes the options of the original", () => {
  const options = ["--prefix=/usr", "--localstatedir=/var", "--sysconfdir=/etc", "--with-os-dir=/srv/ganeti/os"];
  expect(configure(...options).values).toEqual({ ...packaged, OS_DIR: "/srv/ganeti/os" });
});

test("takes one dash for two, as the old README had it", () => {
  expect(configure("-prefix=/opt/g", "--localstatedir=/var").values).toMatchObject({
    PREFIX: "/opt/g",
    OS_DIR: "/opt/g/share/ganeti/os",
  });
});

test("takes a value as the next word", () => {
  const { values } = configure("--prefix", "/opt/g", "--sysconfdir", "/opt/etc", "--with-os-dir", "/srv/os");
  expect(values).toMatchObject({ PREFIX: "/opt/g", SYSCONFDIR: "/opt/etc", OS_DIR: "/srv/os" });
});

test("takes the node to run by", () => {
  expect(configure("NODE=/opt/node/bin/node").values).toMatchObject({ NODE: "/opt/node/bin/node" });
});

test("takes all that debhelper passes, without a word", () => {
  const outcome = configure(
    "--build=x86_64-linux-gnu",
    "--prefix=/usr",
    "--includedir=${prefix}/include",
    "--mandir=${prefix}/share/man",
    "--infodir=${prefix}/share/info",
    "--sysconfdir=/etc",
    "--localstatedir=/var",
    "--disable-option-checking",
    "--disable-silent-rules",
    "--libdir=${prefix}/lib/x86_64-linux-gnu",
    "--libexecdir=${prefix}/lib/x86_64-linux-gnu",
    "--runstatedir=/run",
    "--disable-maintainer-mode",
    "--disable-dependency-tracking",
  );
  expect(outcome).toMatchObject({ status: 0, stderr: "", values: packaged });
});

test("puts the prefix where a packaging tool left its name", () => {
  expect(configure("--prefix=/opt/g", "--sysconfdir=${prefix}/etc").values).toMatchObject({
    SYSCONFDIR: "/opt/g/etc",
  });
});

test.each([
  ["an unknown option", ["--with-colour"]],
  ["an unknown word", ["build"]],
  ["a missing value", ["--prefix"]],
  ["a relative path", ["--sysconfdir=etc"]],
  ["an empty path", ["--localstatedir="]],
  ["a path that make cannot read", ["--prefix=/opt/a b"]],
])("refuses %s and writes nothing", (_what, options) => {
  const outcome = configure(...options);
  expect(outcome).toMatchObject({ status: 2, values: undefined });
  expect(outcome.stderr).toContain(options[0]!.split("=")[0]!);
});

test("shows its options on stdout", () => {
  for (const option of ["--help", "-h"]) {
    const outcome = configure(option);
    expect(outcome).toMatchObject({ status: 0, stderr: "", values: undefined });
    expect(outcome.stdout).toContain("--with-os-dir");
  }
});
