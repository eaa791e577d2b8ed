import { execFileSync, spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { hookSettings } from "../../../src/config/hook-settings.ts";
import { temporaryDirectory } from "../../fixtures/test-host.ts";

const osDefinition = new URL("../../../os-definition", import.meta.url).pathname;

interface HookResult {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a hook as create does: an executable file, its working directory the OS definition. */
function hook(
  body: string,
  environment: Readonly<Record<string, string>> = {},
  args: readonly string[] = [],
): HookResult {
  const file = join(temporaryDirectory(), "hook");
  writeFileSync(file, `#!/bin/bash\n${body}`, { mode: 0o755 });
  const { status, stdout, stderr } = spawnSync(file, args, {
    cwd: osDefinition,
    env: { PATH: "/sbin:/bin:/usr/sbin:/usr/bin", ...environment },
    encoding: "utf8",
  });
  return { status, stdout, stderr };
}

describe("common.sh", () => {
  it("prints nothing and succeeds, also under set -e, set -u, POSIX mode and with arguments", () => {
    for (const options of ["", "set -e\n", "set -eu -o pipefail\n"]) {
      expect(hook(`${options}. common.sh\n`, {}, ["-x", "/etc/hooks"])).toEqual({ status: 0, stdout: "", stderr: "" });
    }
    expect(hook('set -eu\n. common.sh\necho "$# $1"\n', {}, ["one"]).stdout).toBe("1 one\n");
  });

  it("has no syntax that bash complains about", () => {
    expect(execFileSync("bash", ["-n", join(osDefinition, "common.sh")], { encoding: "utf8" })).toBe("");
  });

  it("runs the clean-ups last in, first out, when a hook ends well", () => {
    const { stdout, status } = hook('set -e\n. common.sh\nCLEANUP+=("echo one")\nCLEANUP+=("echo two")\necho work\n');
    expect([status, stdout]).toEqual([0, "work\ntwo\none\n"]);
  });

  it("runs them when a hook fails, and keeps its exit status", () => {
    const { stdout, status } = hook('set -e\n. common.sh\nCLEANUP+=("echo undone")\n(exit 7)\necho not reached\n');
    expect([status, stdout]).toEqual([7, "undone\n"]);
    expect(hook('. common.sh\nCLEANUP+=("echo undone")\nexit 9\n')).toMatchObject({ status: 9, stdout: "undone\n" });
  });

  it("takes the style of the original's examples: a list and a trap of their own, an explicit end", () => {
    const body = [
      "set -e",
      ". common.sh",
      "CLEANUP=( )",
      "trap cleanup EXIT",
      'if [ -z "$TARGET" -o ! -d "$TARGET" ]; then echo "Missing target directory"; exit 1; fi',
      'if [ "$PROXY" ]; then',
      '  export http_proxy="$PROXY"',
      "fi",
      "export DEBIAN_FRONTEND=noninteractive",
      'touch "$TARGET/device"',
      'CLEANUP+=("rm -f $TARGET/device")',
      'log_error "said" "so"',
      'echo "$http_proxy"',
      "cleanup",
      "trap - EXIT",
      '[ ! -e "$TARGET/device" ] && echo gone',
      "exit 0",
    ].join("\n");
    const settings = { PROXY: "http://proxy.example.com:3128/" };
    const result = hook(`${body}\n`, { TARGET: temporaryDirectory(), ...hookSettings({ settings }) });
    expect(result).toEqual({ status: 0, stdout: "http://proxy.example.com:3128/\ngone\n", stderr: "said so\n" });
  });

  it("undoes nothing twice when a hook calls cleanup and leaves the trap in place", () => {
    expect(hook('. common.sh\nCLEANUP+=("echo once")\ncleanup\nCLEANUP+=("echo later")\n').stdout).toBe(
      "once\nlater\n",
    );
  });

  it("goes on after a clean-up that fails, and says that it failed", () => {
    const body = '. common.sh\nCLEANUP+=("echo last" "false" "echo first")\ncleanup\necho "status $?"\n';
    expect(hook(body).stdout).toBe("first\nlast\nstatus 1\n");
    expect(hook(`set -e\n${body}`)).toMatchObject({ status: 1, stdout: "first\nlast\n" });
  });

  it("gives the settings in force, but leaves what hooks find in their environment", () => {
    const settings = {
      MIRROR: "http://mirror.example.com/it's",
      COMPONENTS: "main contrib",
      ARCH: "",
      SUITE: "old",
      CACHE_DIR: "/c",
    };
    const body =
      '. common.sh\nprintf "%s|" "$MIRROR" "$COMPONENTS" "$ARCH" "$SUITE" "$CACHE_DIR" "${PROXY-unset}"\nbash -c \'echo "${MIRROR-no}"\'\n';
    const { stdout } = hook(body, { ARCH: "amd64", SUITE: "trixie", ...hookSettings({ settings }) });
    expect(stdout).toBe("http://mirror.example.com/it's|main contrib|amd64|trixie|/c||no\n");
  });

  it("reads the UUID and the type of a filesystem, of what is there now", () => {
    const image = join(temporaryDirectory(), "image");
    execFileSync("truncate", ["--size=4M", image]);
    execFileSync("mkfs.ext2", ["-q", "-U", "11111111-2222-3333-4444-555555555555", image]);
    const { stdout } = hook('set -e\n. common.sh\n$VOL_ID "$1"\n$VOL_TYPE "$1"\n', {}, [image]);
    expect(stdout).toBe("11111111-2222-3333-4444-555555555555\next2\n");
  });

  it("names instance and disk as the original did", () => {
    const body = '. common.sh\necho "$instance $blockdev"\n';
    expect(hook(body, { INSTANCE_NAME: "guest", DISK_0_PATH: "/file", BLOCKDEV: "/dev/loop0" }).stdout).toBe(
      "guest /dev/loop0\n",
    );
    expect(hook(body, { INSTANCE_NAME: "guest", DISK_0_PATH: "/file" }).stdout).toBe("guest /file\n");
  });
});
