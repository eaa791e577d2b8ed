import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { findHooks } from "../../../../src/guest/hooks/find.ts";
import { runHooks } from "../../../../src/guest/hooks/run.ts";
import { fakeCommands, temporaryDirectory, testHost, type TestHost } from "../../../fixtures/test-host.ts";

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

/** Finds the hooks and runs them, as create does before and after the disk is written. */
async function run(host: TestHost, directory: string, osDir = "/"): Promise<void> {
  await runHooks(host, await findHooks(host, directory), { environment: { TARGET: "/target" }, osDir });
}

describe("hooks", () => {
  test("run in the order of their names, which are printed, in the OS directory with their environment", async () => {
    const host = hostWith();
    const osDir = temporaryDirectory();
    const directory = hooks({ "20-b": "pwd; cat", "10-a": 'echo "target $TARGET"; echo words >&2' });
    await run(host, directory, osDir);
    const said = host.logged();
    const order = [`executing ${directory}/10-a`, "target /target", "words", `executing ${directory}/20-b`, osDir];
    const places = order.map((text) => said.indexOf(text));
    expect(places).toEqual([...places].sort((a, b) => a - b));
    expect(places[0]).toBeGreaterThan(-1);
  });

  test("end at the first that fails, with its name and status", async () => {
    const host = hostWith();
    const directory = hooks({ "10-a": "true", "20-b": "echo no network >&2; exit 3", "30-c": "echo never" });
    await expect(run(host, directory)).rejects.toThrow(`hook ${directory}/20-b failed with exit status 3`);
    expect(host.logged()).toContain("no network");
    expect(host.logged()).not.toContain("never");
  });

  test("that are ended by a signal are named with it", async () => {
    const directory = hooks({ "10-a": "kill -9 $$" });
    await expect(run(hostWith(), directory)).rejects.toThrow(`hook ${directory}/10-a was ended by signal 9`);
  });

  test.each(["#!/nonexistent/interpreter -x\n", "#! /nonexistent/interpreter"])(
    "are refused beforehand when the interpreter is missing: %j",
    async (line) => {
      const directory = hooks({ "10-a": "" });
      writeFileSync(join(directory, "10-a"), line);
      await expect(findHooks(hostWith(), directory)).rejects.toThrow(
        `cannot run the hook ${directory}/10-a: its interpreter /nonexistent/interpreter is not on this node`,
      );
    },
  );

  test.each([
    ["alone", {}],
    ["beside other hooks", { "20-site": "true" }],
  ])("are refused beforehand when one is a link that leads nowhere, %s", async (_, others) => {
    const directory = hooks(others);
    symlinkSync("/nonexistent/hook", join(directory, "10-gone"));
    await expect(findHooks(hostWith(), directory)).rejects.toThrow(`${directory}/10-gone leads nowhere`);
  });

  test("may be links, and a link with a name run-parts does not take may lead nowhere", async () => {
    const directory = hooks({ "20-site": "true" });
    symlinkSync(join(directory, "20-site"), join(directory, "30-link"));
    symlinkSync("/nonexistent/hook", join(directory, "10-gone.disabled"));
    expect((await findHooks(hostWith(), directory)).paths).toEqual([`${directory}/20-site`, `${directory}/30-link`]);
  });

  test("with a name that run-parts does not take are not run, and this is said", async () => {
    const host = hostWith();
    const directory = hooks({ "10-a": "true", "grub.sh": "echo never" });
    mkdirSync(join(directory, "confdata"));
    await findHooks(host, directory);
    expect(host.logged()).toContain("not run in");
    expect(host.logged()).toContain(": grub.sh\n");
    await run(host, directory);
    expect(host.logged()).not.toContain("never");
  });

  test("in a directory that is not there, or is none, are missed in the log", async () => {
    const host = hostWith();
    const file = join(temporaryDirectory(), "hooks");
    expect((await findHooks(host, file)).paths).toEqual([]);
    expect(host.logged()).toContain(`info: no hooks: the directory ${file} (CUSTOMIZE_DIR) is not there`);
    writeFileSync(file, "");
    expect((await findHooks(host, file)).paths).toEqual([]);
    expect(host.logged()).toContain(`warning: no hooks: ${file} (CUSTOMIZE_DIR) is not a directory`);
  });

  test("are not needed", async () => {
    const host = hostWith({ "run-parts": "exit 99" });
    await run(host, "/nonexistent/hooks");
    await run(host, hooks({}));
    await run(host, "");
    expect(host.logged()).toBe("info: no hooks: the directory /nonexistent/hooks (CUSTOMIZE_DIR) is not there\n");
  });

  test.each([
    ["is missing", "exit 127"],
    ["is not Debian's", "echo 'usage: run-parts <dir>'; exit 1"],
  ])("are refused when run-parts %s", async (_, body) => {
    const directory = hooks({ "10-a": "true" });
    await expect(run(hostWith({ "run-parts": body }), directory)).rejects.toThrow(
      `cannot run the hooks in ${directory}: this node has no run-parts of Debian`,
    );
  });

  test("need no run-parts when nothing there would be run", async () => {
    const directory = hooks({});
    writeFileSync(join(directory, "README"), "text");
    await run(hostWith({ "run-parts": "exit 127" }), directory);
  });
});
