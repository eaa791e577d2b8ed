import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { findHooks, hookEnvironment, runHooks } from "../../../src/guest/hooks.ts";
import { testConfig } from "../../fixtures/config.ts";
import { fakeCommands, temporaryDirectory, testHost, type TestHost } from "../../fixtures/test-host.ts";

// Without root there are no namespaces: the command that follows `--` is run.
const unshare = 'while [ "$1" != -- ]; do shift; done; shift; exec "$@"';

function hooks(scripts: Readonly<Record<string, string>>): string {
  const directory = join(temporaryDirectory(), "hooks");
  mkdirSync(directory);
  for (const [name, body] of Object.entries(scripts)) {
    writeFileSync(join(directory, name), `#!/bin/sh\n${body}\n`);
    chmodSync(join(directory, name), 0o755);
  }
  return directory;
}

function hostWith(commands: Readonly<Record<string, string>> = {}): TestHost {
  return testHost({ path: fakeCommands({ unshare, ...commands }).path, verbose: false });
}

const environment = { TARGET: "/target" };

describe("hooks", () => {
  test("run in the order of their names, which are printed, in the OS directory with their environment", async () => {
    const host = hostWith();
    const osDir = temporaryDirectory();
    const directory = hooks({ "20-b": "pwd; cat", "10-a": 'echo "target $TARGET"; echo words >&2' });
    await runHooks(host, { directory, environment, osDir });
    const said = host.logged();
    const order = [`executing ${directory}/10-a`, "target /target", "words", `executing ${directory}/20-b`, osDir];
    const places = order.map((text) => said.indexOf(text));
    expect(places).toEqual([...places].sort((a, b) => a - b));
    expect(places[0]).toBeGreaterThan(-1);
  });

  test("end at the first that fails, with its name and status", async () => {
    const host = hostWith();
    const directory = hooks({ "10-a": "true", "20-b": "echo no network >&2; exit 3", "30-c": "echo never" });
    await expect(runHooks(host, { directory, environment, osDir: "/" })).rejects.toThrow(
      `hook ${directory}/20-b failed with exit status 3`,
    );
    expect(host.logged()).toContain("no network");
    expect(host.logged()).not.toContain("never");
  });

  test("that are ended by a signal are named with it", async () => {
    const directory = hooks({ "10-a": "kill -9 $$" });
    await expect(runHooks(hostWith(), { directory, environment, osDir: "/" })).rejects.toThrow(
      `hook ${directory}/10-a was ended by signal 9`,
    );
  });

  test("are named when the file's interpreter is missing", async () => {
    const directory = hooks({ "10-a": "" });
    writeFileSync(join(directory, "10-a"), "#!/nonexistent/interpreter\n");
    await expect(runHooks(hostWith(), { directory, environment, osDir: "/" })).rejects.toThrow(/hook .*10-a failed/);
  });

  test("with a name that run-parts does not take are not run, and this is said", async () => {
    const host = hostWith();
    const directory = hooks({ "10-a": "true", "grub.sh": "echo never" });
    mkdirSync(join(directory, "confdata"));
    await findHooks(host, directory);
    expect(host.logged()).toContain("not run in");
    expect(host.logged()).toContain(": grub.sh\n");
    await runHooks(host, { directory, environment, osDir: "/" });
    expect(host.logged()).not.toContain("never");
  });

  test("in a directory that is not there, or is none, are missed in the log", async () => {
    const host = hostWith();
    const file = join(temporaryDirectory(), "hooks");
    expect(await findHooks(host, file)).toEqual([]);
    expect(host.logged()).toContain(`info: no hooks: the directory ${file} (CUSTOMIZE_DIR) is not there`);
    writeFileSync(file, "");
    expect(await findHooks(host, file)).toEqual([]);
    expect(host.logged()).toContain(`warning: no hooks: ${file} (CUSTOMIZE_DIR) is not a directory`);
  });

  test("are not needed", async () => {
    const host = hostWith({ "run-parts": "exit 99" });
    await runHooks(host, { directory: "/nonexistent/hooks", environment, osDir: "/" });
    await runHooks(host, { directory: hooks({}), environment, osDir: "/" });
    await runHooks(host, { directory: "", environment, osDir: "/" });
    expect(host.logged()).toBe("");
  });

  test.each([
    ["is missing", "exit 127"],
    ["is not Debian's", "echo 'usage: run-parts <dir>'; exit 1"],
  ])("are refused when run-parts %s", async (_, body) => {
    const directory = hooks({ "10-a": "true" });
    await expect(runHooks(hostWith({ "run-parts": body }), { directory, environment, osDir: "/" })).rejects.toThrow(
      `cannot run the hooks in ${directory}: this node has no run-parts of Debian`,
    );
  });

  test("need no run-parts when nothing there would be run", async () => {
    const directory = hooks({});
    writeFileSync(join(directory, "README"), "text");
    await runHooks(hostWith({ "run-parts": "exit 127" }), { directory, environment, osDir: "/" });
  });
});

test("the environment is Ganeti's as the settings left it, then the guest's facts", () => {
  const config = testConfig("/cache", {
    environment: { INSTANCE_NAME: "changed", OSP_SECRET: "s", SUITE: "wrong", PATH: "/sbin:/bin", LANG: "C.UTF-8" },
    extraPackages: ["acpid", "udev"],
    settings: { PROXY: "http://proxy.example.com:3128", SUITE: "trixie" },
  });
  const target = { path: "/target", blockDevice: "/dev/loop1", filesystemDevice: "/dev/loop2" };
  expect(hookEnvironment(config, target)).toEqual({
    INSTANCE_NAME: "changed",
    OSP_SECRET: "s",
    PATH: "/sbin:/bin",
    LANG: "C.UTF-8",
    INSTANCE_DEBOOTSTRAP_SETTINGS: "PROXY=http://proxy.example.com:3128",
    TARGET: "/target",
    SUITE: config.suite,
    ARCH: config.arch,
    PARTITION_STYLE: "none",
    EXTRA_PKGS: "acpid,udev",
    BLOCKDEV: "/dev/loop1",
    FSYSDEV: "/dev/loop2",
  });
});
