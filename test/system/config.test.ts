import { execFileSync, spawnSync } from "node:child_process";
import { chmodSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { ganetiPath, installOs, instanceVariables } from "../fixtures/installed-os.ts";

const os = installOs();
const disk = join(os.directory, "disk");
const variant = (name: string): string => join(os.variantsDir, `${name}.conf`);

afterEach(() => {
  os.settings("");
  for (const name of ["wrong", "mine"]) rmSync(variant(name), { force: true });
});

/** Runs create on a file with known bytes; says whether they are still there. */
async function create(env: Readonly<Record<string, string>> = {}) {
  writeFileSync(disk, "precious");
  truncateSync(disk, 1 << 20);
  const result = await os.run("create", { env: instanceVariables("guest1.example.com", [disk], env) });
  return { ...result, untouched: readFileSync(disk).subarray(0, 8).toString() === "precious" };
}

function admin(...args: readonly string[]) {
  const command = join(os.directory, "usr/sbin/ganeti-instance-debootstrap");
  return spawnSync(command, args, { encoding: "utf8", env: { PATH: ganetiPath }, cwd: "/" });
}

describe("create refuses settings that cannot be used before it touches the disk", () => {
  it("all wrong values at once, with file and line", async () => {
    os.settings("# a comment\nSUITE='a b'\nPARTITION_STYLE=mbr\n");
    writeFileSync(variant("wrong"), "CLEAN_CACHE=soon\n", { mode: 0o644 });
    const { status, stderr, untouched } = await create({ OS_VARIANT: "wrong", OSP_FILESYSTEM: "ntfs" });
    expect([status, untouched]).toEqual([1, true]);
    expect(stderr).toMatch(/SUITE="a b" \(.*\/default\/ganeti-instance-debootstrap line 2\)/);
    expect(stderr).toMatch(/PARTITION_STYLE="mbr" \(.* line 3\): expected none, msdos or gpt/);
    expect(stderr).toMatch(/CLEAN_CACHE="soon" \(.*\/wrong\.conf line 1\)/);
    expect(stderr).toContain('OSP_FILESYSTEM="ntfs" (OS parameter filesystem)');
  });

  it("an error of syntax, with file and line", async () => {
    os.settings('SUITE=trixie\nif [ "$INSTANCE_NAME" ; then\nfi\n');
    const { status, stderr, untouched } = await create();
    expect([status, untouched]).toEqual([1, true]);
    expect(stderr).toMatch(/default\/ganeti-instance-debootstrap line [23]: syntax error/);
  });

  it("a published variant without a file and an unpublished one, in different words", async () => {
    writeFileSync(join(os.osDir, "variants.list"), "default\nlisted\n");
    const listed = await create({ OS_VARIANT: "listed" });
    expect([listed.status, listed.untouched]).toEqual([1, true]);
    expect(listed.stderr).toContain("variant listed is published in");
    const unknown = await create({ OS_VARIANT: "unknown" });
    expect([unknown.status, unknown.untouched]).toEqual([1, true]);
    expect(unknown.stderr).toContain("unknown variant unknown");
    writeFileSync(join(os.osDir, "variants.list"), "default\n");
  });

  it("a settings file that refuses the instance by exit 1, in its own words", async () => {
    os.settings('echo "no more guests on this node, $INSTANCE_NAME" >&2\nexit 1\n');
    const { status, stderr, untouched } = await create();
    expect([status, untouched]).toEqual([1, true]);
    expect(stderr).toContain("no more guests on this node, guest1.example.com");
    expect(stderr).toContain("ended the shell with exit status 1");
  });
});

describe("ganeti-instance-debootstrap config", () => {
  it("shows each setting with its value and where it was set", () => {
    os.settings("echo chatter\nSUITE=bookworm\nPROXY=http://me:sesame@proxy.example.com:3128\n");
    writeFileSync(variant("mine"), "EXTRA_PKGS=vim\n", { mode: 0o644 });
    const { status, stdout, stderr } = admin("config", "show", "--variant", "mine");
    expect(status, stderr).toBe(0);
    expect(stdout).toMatch(/^SUITE=bookworm +# .*\/default\/ganeti-instance-debootstrap$/m);
    expect(stdout).toMatch(/^EXTRA_PKGS=vim +# .*\/mine\.conf$/m);
    expect(stdout).not.toContain("chatter");
    expect(stdout + stderr).not.toContain("sesame");
  });

  it("shows the same in JSON", () => {
    const { status, stdout } = admin("config", "show", "--json");
    expect(status).toBe(0);
    const shown = JSON.parse(stdout) as { settings: { name: string; value: string; origin: { kind: string } }[] };
    expect(shown.settings).toContainEqual(
      expect.objectContaining({ name: "SUITE", value: "trixie", origin: { kind: "default" } }),
    );
  });

  it("names the settings file that an ordinary user may not read", () => {
    os.settings("SUITE=bookworm\n");
    const file = join(os.directory, "etc/default/ganeti-instance-debootstrap");
    execFileSync("chmod", ["--recursive", "go+rX", os.directory]);
    chmodSync(file, 0o600);
    const command = [join(os.directory, "usr/sbin/ganeti-instance-debootstrap"), "config", "show"];
    const nobody = ["--reuid=65534", "--regid=65534", "--clear-groups", ...command];
    const { status, stdout, stderr } = spawnSync("setpriv", nobody, {
      encoding: "utf8",
      env: { PATH: ganetiPath },
      cwd: "/",
    });
    chmodSync(file, 0o644);
    expect([status, stdout]).toEqual([1, ""]);
    expect(stderr).toContain(`${file} cannot be read`);
    expect(spawnSync("setpriv", nobody, { encoding: "utf8", env: { PATH: ganetiPath }, cwd: "/" }).stdout).toContain(
      "SUITE=bookworm",
    );
  });

  it("checks every variant, and fails when one is wrong", () => {
    expect(admin("config", "check")).toMatchObject({
      status: 0,
      stdout: "settings without a variant: ok\nvariant default: ok\n",
    });
    writeFileSync(variant("wrong"), "PARTITION_ALIGNMENT=0\n", { mode: 0o644 });
    const { status, stdout } = admin("config", "check");
    expect(status).toBe(1);
    expect(stdout).toMatch(/variant wrong \(not in variants\.list\): 1 problem\n {2}PARTITION_ALIGNMENT="0"/);
  });
});

it("the settings file as installed changes nothing", () => {
  os.settings("");
  const empty = admin("config", "show").stdout;
  os.settings(readFileSync("defaults", "utf8"));
  expect(admin("config", "show").stdout).toBe(empty);
});
