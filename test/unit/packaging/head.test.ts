import { spawnSync, type SpawnSyncOptions } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";
import { buildProbes, probeSourceTree } from "../../fixtures/source-tree.ts";
import { temporaryDirectory } from "../../fixtures/test-host.ts";

const root = process.getuid?.() === 0;
const ganetiPath = "/sbin:/bin:/usr/sbin:/usr/bin";

interface Said {
  readonly installation: { readonly osDir: string };
  readonly privateMounts: boolean;
  readonly arguments: readonly string[];
  readonly execPath: string;
  readonly nodeOptions: string | null;
  readonly strict: boolean;
}

function start(file: string, args: readonly string[] = [], options: SpawnSyncOptions = {}): Said {
  const result = spawnSync(file, args, { env: { PATH: ganetiPath }, ...options, encoding: "utf8" });
  if (result.status !== 0)
    throw new Error(`${file}: ${String(result.status)} ${result.stderr}`, { cause: result.error });
  expect(result.stderr).toBe("");
  return JSON.parse(result.stdout) as Said;
}

function definition(): string {
  return join(probeSourceTree(), "os-definition");
}

test("passes arguments on as they are", () => {
  const args = ["-i", "two words", "*", "", "a'b\"c$HOME\\", "\n", "--", "-x"];
  expect(start(join(definition(), "create"), args).arguments).toEqual(args);
});

test("starts by absolute path, by relative path, by PATH, by a shell and by a symlink, in a directory with a space", () => {
  const osDir = definition();
  const link = join(temporaryDirectory(), "make-guest");
  symlinkSync(join(osDir, "create"), link);
  const starts = [
    start(join(osDir, "create")),
    start("./create", [], { cwd: osDir }),
    start("os-definition/create", [], { cwd: dirname(osDir) }),
    start("create", [], { env: { PATH: `${osDir}:${ganetiPath}` } }),
    start("sh", ["create"], { cwd: osDir }),
    start(link, [], { cwd: "/" }),
  ];
  expect(starts.map((said) => said.installation.osDir)).toEqual(starts.map(() => osDir));
});

test("takes an OS definition made of symlinks for what it is", () => {
  const osDir = definition();
  const derived = temporaryDirectory();
  for (const name of ["create", "ganeti_api_version"]) symlinkSync(join(osDir, name), join(derived, name));
  expect(start(join(derived, "create")).installation.osDir).toBe(derived);
});

test("starts with an empty environment, from another directory and with stdin closed", () => {
  const command = `exec "$0" <&-`;
  const file = join(definition(), "create");
  const { status, stdout } = spawnSync("sh", ["-c", command, file], { env: {}, cwd: "/", encoding: "utf8" });
  expect(status).toBe(0);
  expect(JSON.parse(stdout)).toMatchObject({ arguments: [] });
});

test("keeps stdin for the program and its exit status", () => {
  const osDir = definition();
  const file = join(osDir, "create");
  const text = readFileSync(file, "utf8");
  const head = text.slice(0, text.indexOf("\nconst INSTALLATION") + 1);
  writeFileSync(file, `${head}process.stdin.pipe(process.stdout).on("close", () => {}); process.exitCode = 7;\n`);
  const { status, stdout } = spawnSync(file, [], { input: "through\n", encoding: "utf8", env: { PATH: ganetiPath } });
  expect({ status, stdout }).toEqual({ status: 7, stdout: "through\n" });
});

test("is both a shell script, for dash and bash, and a strict JavaScript program", () => {
  const file = join(definition(), "create");
  for (const shell of ["dash", "bash"]) expect(start(shell, [file]).strict).toBe(true);
  expect(start(process.execPath, [file]).strict).toBe(true);
});

test("lets no options for node in the environment reach the program", () => {
  const said = start(join(definition(), "create"), [], {
    env: { PATH: ganetiPath, NODE_OPTIONS: "--require /nonexistent.js" },
  });
  expect(said.nodeOptions).toBeNull();
});

test.runIf(root)("has its own mount namespace as root, except for -h", () => {
  const file = join(definition(), "create");
  expect(start(file).privateMounts).toBe(true);
  expect(start(file, ["-h"]).privateMounts).toBe(false);
  expect(start(file, ["--help"]).privateMounts).toBe(false);
});

test.runIf(root)("started by root as another user, starts without root", () => {
  const osDir = definition();
  const outside = mkdtempSync(join(tmpdir(), "gid-test-"));
  try {
    chmodSync(outside, 0o755);
    const file = join(outside, "create");
    writeFileSync(file, readFileSync(join(osDir, "create")));
    chmodSync(file, 0o755);
    expect(start("setpriv", ["--reuid", "65534", "--clear-groups", file]).privateMounts).toBe(false);
  } finally {
    rmSync(outside, { recursive: true });
  }
});

test("starts where no mount namespace can be had", () => {
  const bin = join(temporaryDirectory(), "bin");
  mkdirSync(bin);
  writeFileSync(join(bin, "unshare"), "#!/bin/sh\necho unshare: not permitted >&2\nexit 1\n", { mode: 0o755 });
  const said = start(join(definition(), "create"), ["x"], { env: { PATH: `${bin}:${ganetiPath}` } });
  expect(said).toMatchObject({ privateMounts: false, arguments: ["x"] });
});

test("falls back on the PATH when its node is gone, and says what to do when there is none", () => {
  const file = join(definition(), "create");
  writeFileSync(file, readFileSync(file, "utf8").replace(/^node='.*'$/m, "node='/nonexistent/node'"));
  expect(start(file, [], { env: { PATH: `${dirname(process.execPath)}:${ganetiPath}` } }).arguments).toEqual([]);
  const { status, stderr } = spawnSync("/bin/sh", [file], { env: { PATH: "/nonexistent" }, encoding: "utf8" });
  expect(status).toBe(1);
  expect(stderr).toContain("make install NODE=");
});

test("is built executable, whatever the umask", () => {
  const output = join(temporaryDirectory(), "bundles");
  buildProbes(output, "077");
  expect(statSync(join(output, "create")).mode & 0o777).toBe(0o755);
  expect(statSync(join(output, "THIRD-PARTY-LICENSES")).mode & 0o777).toBe(0o644);
});
