import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { open } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { CommandError, Interrupted } from "../../../../src/host/errors.ts";
import { capture, run, start } from "../../../../src/host/process/run.ts";
import { fakeCommands, testHost } from "../../../fixtures/test-host.ts";

const root = process.getuid?.() === 0;

test("returns stdout without its last newline", async () => {
  expect(await capture(testHost(), ["printf", "a\\nb\\n"])).toBe("a\nb");
});

test("runs with a clean environment", async () => {
  const environment = await capture(testHost(), ["env"], { env: { WANTED: "1" } });
  expect(
    environment
      .split("\n")
      .map((line) => line.split("=")[0])
      .sort(),
  ).toEqual(["LC_ALL", "PATH", "WANTED"]);
});

test("gives the command no stdin", async () => {
  expect(await capture(testHost(), ["cat"])).toBe("");
});

test("passes text to stdin", async () => {
  expect(await capture(testHost(), ["cat"], { stdin: { text: "in" } })).toBe("in");
});

test("says the command, its status and its own words when it fails", async () => {
  const failure = run(testHost(), ["sh", "-c", "echo disk on fire >&2; exit 3"]);
  await expect(failure).rejects.toThrow(CommandError);
  await expect(failure).rejects.toThrow(/exit status 3: sh -c '.*'\n {4}disk on fire/);
});

test("shows the administrator the real command of a wrapper, in the log and in errors", async () => {
  const host = testHost();
  const failure = run(host, ["sh", "-c", '"$@"; exit 3', "wrapper", "true"], { shownAs: ["true"] });
  await expect(failure).rejects.toThrow("exit status 3: true");
  expect(host.logged()).toContain("run true\n");
});

test("accepts the statuses it was told to accept", async () => {
  expect((await run(testHost(), ["sh", "-c", "exit 4"], { accept: [0, 4] })).exitCode).toBe(4);
});

test("names a command that does not exist", async () => {
  await expect(run(testHost(), ["no-such-command"])).rejects.toThrow(/no-such-command/);
});

test("writes stdout to a descriptor of ours", async () => {
  const host = testHost();
  const path = join(host.directory, "out");
  const file = await open(path, "w");
  await run(host, ["echo", "to the file"], { stdout: file.fd });
  await file.close();
  expect(readFileSync(path, "utf8")).toBe("to the file\n");
});

test("gives further descriptors as 3 and up", async () => {
  const host = testHost();
  const path = join(host.directory, "three");
  const file = await open(path, "w");
  await run(host, ["sh", "-c", "echo three >&3"], { descriptors: [file.fd] });
  await file.close();
  expect(readFileSync(path, "utf8")).toBe("three\n");
});

test("passes output on to the log while the command runs, and keeps it for the error", async () => {
  const host = testHost();
  await expect(run(host, ["sh", "-c", "echo out; echo err >&2; exit 1"], { stdout: "log" })).rejects.toThrow(/err/);
  expect(host.logged()).toContain("out\n");
  expect(host.logged()).toContain("err\n");
});

test("ends the command's whole tree on a signal and throws the interruption", async () => {
  const host = testHost();
  const mark = join(host.directory, "survived");
  const running = run(host, ["sh", "-c", `(sleep 0.6; touch ${mark}) & wait`]);
  await sleep(150);
  host.abort(new Interrupted("SIGTERM"));
  await expect(running).rejects.toMatchObject({ name: "Interrupted", exitCode: 143 });
  await sleep(800);
  expect(existsSync(mark)).toBe(false);
});

test("lets a shielded command finish after a signal", async () => {
  const host = testHost();
  const running = capture(host, ["sh", "-c", "sleep 0.3; echo finished"], { shielded: true });
  host.abort(new Interrupted("SIGINT"));
  expect(await running).toBe("finished");
});

test("starts nothing after a signal but what is shielded", async () => {
  const fake = fakeCommands({ mkfs: "" });
  const host = testHost({ path: fake.path });
  host.abort(new Interrupted("SIGHUP"));
  await expect(run(host, ["mkfs"])).rejects.toThrow(Interrupted);
  await run(host, ["mkfs", "shielded"], { shielded: true });
  expect(fake.calls()).toEqual(["mkfs shielded"]);
});

test("ends a command that takes too long", async () => {
  await expect(run(testHost(), ["sleep", "20"], { timeoutSeconds: 0.3 })).rejects.toThrow(/no end after 0.3 s/);
});

test("does not wait for a daemon that an isolated command leaves behind, and ends it", async (context) => {
  context.skip(!root, "needs root for a PID namespace");
  const host = testHost();
  const mark = join(host.directory, "survived");
  await run(host, ["sh", "-c", `setsid sh -c 'sleep 1; touch ${mark}' & exit 0`], { isolated: true });
  await sleep(1300);
  expect(existsSync(mark)).toBe(false);
});

test("gives an isolated command a /proc of its own", async (context) => {
  context.skip(!root, "needs root for a PID namespace");
  expect(
    await capture(testHost(), ["sh", "-c", "readlink /proc/self; ls -d /proc/[0-9]* | wc -l"], { isolated: true }),
  ).toMatch(/^\d{1,2}\n\d$/);
});

test("streams both ways when asked for pipes", async () => {
  const command = start(testHost(), ["cat"], { stdin: "pipe", stdout: "pipe" });
  command.stdin?.end("through");
  const chunks: Buffer[] = [];
  for await (const chunk of command.stdout ?? []) chunks.push(chunk as Buffer);
  await command.done;
  expect(Buffer.concat(chunks).toString()).toBe("through");
});

test("reports a command ended by a signal of somebody else", async () => {
  await expect(run(testHost(), ["sh", "-c", "kill -9 $$"])).rejects.toThrow(/killed by SIGKILL/);
});

test("masks credentials of a URL in what a command says", async () => {
  const host = testHost();
  await run(host, ["echo", "http://user:secret@proxy:3128/"], { stdout: "log" });
  expect(host.logged()).not.toContain("secret");
});

test("starts nothing when our run was killed before the command could ask to die with it", async () => {
  const host = testHost();
  const mark = join(host.directory, "survived");
  const [begun, over] = [join(host.directory, "begun"), join(host.directory, "over")];
  // The command comes to its parent-death signal only when its parent is gone.
  const late = `parent=$PPID; touch '${begun}'; while kill -0 $parent 2>/dev/null; do sleep 0.05; done; /usr/bin/setpriv "$@"; touch '${over}'`;
  const { path } = fakeCommands({ setpriv: late });
  const modules = (name: string): string =>
    JSON.stringify(join(import.meta.dirname, "../../../../src/host/process", name));
  const program = `import { existsSync } from "node:fs";
    import { run } from ${modules("run.ts")};
    const log = { debug() {} };
    void run({ log, path: ${JSON.stringify(path)}, signal: new AbortController().signal }, ["touch", ${JSON.stringify(mark)}]);
    setInterval(() => { if (existsSync(${JSON.stringify(begun)})) process.kill(process.pid, "SIGKILL"); }, 10);`;
  spawnSync(process.execPath, ["--import", "tsx", "--input-type=module", "--eval", program]);
  await expect.poll(() => existsSync(over), { timeout: 10_000 }).toBe(true);
  expect(existsSync(mark)).toBe(false);
});

test("masks credentials, and keeps characters, that come in two pieces", async () => {
  const host = testHost();
  const pieces = String.raw`printf 'http://user:sec'; sleep 0.2; printf 'ret@proxy/ \303'; sleep 0.2; printf '\251'`;
  await run(host, ["sh", "-c", pieces], { stdout: "log" });
  expect(host.logged()).toMatch(/^http:\/\/\*\*\*@proxy\/ \u00e9$/m);
});

test("keeps no half of a line for the error", async () => {
  const words = "printf 'http://user:'; head -c 20000 /dev/zero | tr '\\0' p; echo @proxy/; echo the end; exit 1";
  await expect(run(testHost(), ["sh", "-c", words], { stdout: "log" })).rejects.toMatchObject({
    outcome: { said: "the end" },
  });
});

test.for([{ stdout: "log" }, { stderr: "log" }] as const)(
  "lets a command that is logged by %j open /dev/stderr",
  async (how, context) => {
    context.skip(!root, "needs root for a PID namespace");
    const host = testHost();
    const argv = ["sh", "-c", "echo out; echo words >/dev/stderr; exit 4"] as const;
    const { stdout } = await run(host, argv, { ...how, isolated: true, accept: [4] });
    expect(host.logged()).toMatch(/^words$/m);
    expect("stdout" in how ? host.logged() : stdout).toMatch(/^out$/m);
  },
);
