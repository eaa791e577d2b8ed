import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { ganetiPath, installOs } from "../fixtures/installed-os.ts";

const os = installOs();
const scripts = ["create", "import", "export", "rename", "verify"];
const runDir = "/run/ganeti-instance-debootstrap";

test("are readable bundles with a node of their own, under umask 077", () => {
  for (const script of scripts) {
    const text = readFileSync(join(os.osDir, script), "utf8");
    expect(text).toContain(`\nnode='${process.execPath}'\n`);
    expect(text).not.toMatch(/from "\.\.\/|require\("(commander|execa|zod|tar)/);
    // Not minified: lines a person can read.
    expect(text.length / text.split("\n").length).toBeLessThan(80);
    expect(statSync(join(os.osDir, script)).mode & 0o777).toBe(0o755);
  }
});

test.each(scripts)("%s -h and --help print usage on stdout, exit 0 and touch nothing", async (script) => {
  const before = journals();
  for (const option of ["-h", "--help"]) {
    const { status, stdout, stderr } = await os.run(script, { args: [option] });
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    expect(stdout.toString()).toMatch(new RegExp(`usage.*${script}`, "is"));
  }
  expect(journals()).toEqual(before);
});

test.each(scripts)("%s -h works for everybody", (script) => {
  const command = ["--reuid", "65534", "--regid", "65534", "--clear-groups", "--", join(os.osDir, script), "-h"];
  // Our own directory is root's alone.
  const open = spawnSync("chmod", ["755", os.directory]);
  expect(open.status).toBe(0);
  const { status, stdout, stderr } = spawnSync("setpriv", command, { env: { PATH: ganetiPath }, encoding: "utf8" });
  expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  expect(stdout).toMatch(/usage/i);
});

test.each(scripts.filter((script) => script !== "verify"))(
  "%s without anything exits 2 with the reason on stderr",
  async (script) => {
    const { status, stdout, stderr } = await os.run(script);
    expect({ status, stdout: stdout.toString() }).toEqual({ status: 2, stdout: "" });
    expect(stderr).not.toBe("");
  },
);

test.each([...scripts, "ganeti-instance-debootstrap"])("%s refuses an unknown flag on stderr, exit 2", (script) => {
  const file = existsSync(join(os.osDir, script)) ? join(os.osDir, script) : join(os.directory, "usr/sbin", script);
  const { status, stdout, stderr } = spawnSync(file, ["--frobnicate"], {
    cwd: os.osDir,
    env: { PATH: ganetiPath },
    encoding: "utf8",
  });
  expect({ status, stdout }).toEqual({ status: 2, stdout: "" });
  expect(stderr).toContain("--frobnicate");
});

test("the admin command knows its OS directory and explains itself", () => {
  const file = join(os.directory, "usr/sbin/ganeti-instance-debootstrap");
  expect(readFileSync(file, "utf8")).toContain(`osDir: "${os.osDir}"`);
  const { status, stdout, stderr } = spawnSync(file, ["--help"], { env: { PATH: ganetiPath }, encoding: "utf8" });
  expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  expect(stdout).toMatch(/usage/i);
});

function journals(): readonly string[] {
  const directory = join(runDir, "journal");
  return existsSync(directory) ? readdirSync(directory) : [];
}
