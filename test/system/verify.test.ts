import { spawnSync } from "node:child_process";
import { chmodSync } from "node:fs";
import { dirname } from "node:path";
import { describe, expect, it } from "vitest";
import { installOs, instanceVariables } from "../fixtures/installed-os.ts";

const os = installOs();
const scripts = ["create", "import", "export", "rename", "verify"] as const;
const disks = ["create", "import", "export", "rename"] as const;

/** Verify's environment is reset: the core variables and the OS parameters, no instance. */
const core = { OS_API_VERSION: "20", OS_NAME: "debootstrap", OS_VARIANT: "default", DEBUG_LEVEL: "0" };

describe("verify, run as Ganeti runs it", () => {
  it.each(["ext2", "ext3", "ext4", "xfs", "btrfs"])("is silent about filesystem=%s", async (filesystem) => {
    const result = await os.run("verify", { args: ["parameters"], env: { ...core, OSP_FILESYSTEM: filesystem } });
    expect(result).toMatchObject({ status: 0, stderr: "" });
    expect(result.stdout).toHaveLength(0);
  });

  it("is content without parameters, without a version and by hand", async () => {
    for (const env of [core, {}, { OSP_FILESYSTEM: "" }]) {
      for (const args of [["parameters"], []]) {
        expect(await os.run("verify", { args, env })).toMatchObject({ status: 0, stderr: "" });
      }
    }
  });

  it("refuses a wrong filesystem with status 1, and says what is right", async () => {
    const result = await os.run("verify", { args: ["parameters"], env: { ...core, OSP_FILESYSTEM: "reiserfs" } });
    expect(result.status).toBe(1);
    expect(result.stderr).toContain('OSP_FILESYSTEM="reiserfs" (OS parameter filesystem)');
    expect(result.stderr).toContain("ext2, ext3, ext4, xfs or btrfs");
    expect(result.stdout).toHaveLength(0);
  });

  it("depends on nothing of this node: neither on its settings nor on the variant", async () => {
    os.settings("exit 1\n");
    try {
      const env = { ...core, OS_VARIANT: "nowhere", OSP_FILESYSTEM: "ext4" };
      expect(await os.run("verify", { args: ["parameters"], env })).toMatchObject({ status: 0, stderr: "" });
    } finally {
      os.settings("");
    }
  });
});

describe("a call of a script", () => {
  it.each(scripts)("%s prints its usage on stdout for -h and --help, as an ordinary user too", async (script) => {
    for (const flag of ["-h", "--help"]) {
      const result = await os.run(script, { args: [flag] });
      expect(result).toMatchObject({ status: 0, stderr: "" });
      expect(result.stdout.toString()).toMatch(new RegExp(`^usage: [^]*${script}[^]*Example:`));
      expect(asNobody(`./${script} ${flag}`)).toEqual([0, result.stdout.toString(), ""]);
    }
  });

  it.each(disks)(
    "%s is refused without flags, with usage on stderr and status 2, as an ordinary user too",
    async (script) => {
      const result = await os.run(script);
      expect(result.status).toBe(2);
      expect(result.stdout).toHaveLength(0);
      expect(result.stderr).toContain("missing: ");
      expect(result.stderr).toContain(`usage: ${script} `);
      const [status, stdout, stderr] = asNobody(`./${script} --no-such-flag`);
      expect([status, stdout]).toEqual([2, ""]);
      expect(stderr).toContain('unexpected argument "--no-such-flag"');
    },
  );

  it.each(disks)("%s is refused with the names of all variables that are missing", async (script) => {
    const result = await os.run(script, { env: core });
    expect(result.status).toBe(2);
    expect(result.stderr).toMatch(/missing variables: INSTANCE_NAME, HYPERVISOR, DISK_COUNT, \w+/);
  });

  it.each(scripts)(
    "%s is refused for an unknown version of the API, which it names with those it serves",
    async (script) => {
      const result = await os.run(script, { env: { OS_API_VERSION: "42" } });
      expect(result.status).toBe(2);
      expect(result.stderr).toMatch(/unknown OS_API_VERSION "42".* 5, 10, 15, 20/);
    },
  );

  it("is refused whole: several mistakes are told at once", async () => {
    const args = ["-i", "a/b", "-b", "/dev/x", "-s", "/dev/./x", "more"];
    const { status, stderr } = await os.run("create", { args });
    expect(status).toBe(2);
    for (const part of ["contains a slash", "same device", 'unexpected argument "more"'])
      expect(stderr).toContain(part);
  });

  it("is refused before the disk, which is not even opened", async () => {
    const env = { ...instanceVariables("guest\nevil", ["/nonexistent/disk"]), DISK_COUNT: "0" };
    const { status, stderr } = await os.run("create", { env });
    expect(status).toBe(2);
    expect(stderr).not.toContain("ENOENT");
    expect(stderr).toContain("DISK_COUNT=0");
  });
});

/** Exit status, stdout and stderr of a command in the OS directory, run by a user without rights. */
function asNobody(command: string): [number | null, string, string] {
  for (const directory of [os.directory, dirname(os.osDir), os.osDir]) chmodSync(directory, 0o755);
  const nobody = ["--reuid=65534", "--regid=65534", "--clear-groups", "sh", "-c", command];
  const { status, stdout, stderr } = spawnSync("setpriv", nobody, {
    cwd: os.osDir,
    env: { PATH: "/sbin:/bin:/usr/sbin:/usr/bin" },
    encoding: "utf8",
  });
  return [status, stdout, stderr];
}
