import { spawn } from "node:child_process";
import { once } from "node:events";
import { appendFileSync, existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import {
  openJournal,
  readDeadRuns,
  readLiveEntries,
  type JournalEntry,
  unreadableJournals,
} from "../../../src/host/journal.ts";
import { ownIdentity } from "../../../src/host/process/identity.ts";
import { temporaryDirectory } from "../../fixtures/test-host.ts";

const loop: JournalEntry = {
  kind: "loop",
  device: "/dev/loop9",
  backing: "/srv/disk",
  offset: 1_048_576,
  sizeLimit: 4096,
};
const directory: JournalEntry = { kind: "directory", path: "/run/x/mount-1" };

test("leaves nothing when nothing was recorded", () => {
  const runDir = join(temporaryDirectory(), "run");
  openJournal(runDir).close();
  expect(existsSync(runDir)).toBe(false);
});

test("removes its file when all was released", () => {
  const runDir = temporaryDirectory();
  const journal = openJournal(runDir);
  journal.record(loop)();
  journal.close();
  expect(readdirSync(join(runDir, "journal"))).toEqual([]);
});

test("keeps its file when a release failed", () => {
  const runDir = temporaryDirectory();
  const journal = openJournal(runDir);
  journal.record(loop);
  journal.close();
  expect(readdirSync(join(runDir, "journal"))).toHaveLength(1);
});

test("does not take a living run for a dead one", () => {
  const runDir = temporaryDirectory();
  openJournal(runDir).record(loop);
  expect(readDeadRuns(runDir)).toEqual([]);
});

test("reads what a dead run had not released, past a half-written last line", async () => {
  const runDir = temporaryDirectory();
  const path = await deadJournal(runDir, [
    { id: 0, entry: loop },
    { id: 1, entry: directory },
    { id: 0, released: true },
  ]);
  appendFileSync(path, '{"id":2,"entry":{"kind":"loo');
  const [dead] = readDeadRuns(runDir);
  expect(dead?.entries).toEqual([directory]);
  dead?.forget();
  expect(readDeadRuns(runDir)).toEqual([]);
});

test("keeps what could not be released for the next time", async () => {
  const runDir = temporaryDirectory();
  await deadJournal(runDir, [
    { id: 0, entry: loop },
    { id: 1, entry: directory },
  ]);
  readDeadRuns(runDir)[0]?.keep([directory]);
  expect(readDeadRuns(runDir)[0]?.entries).toEqual([directory]);
});

test("still knows everything when it is killed while it writes down what could not be released", async () => {
  const runDir = temporaryDirectory();
  const path = await deadJournal(runDir, [{ id: 0, entry: loop }]);
  mkdirSync(`${path}.new`); // in the way of the rewrite
  expect(() => readDeadRuns(runDir)[0]?.keep([loop])).toThrow(/EISDIR/);
  expect(readDeadRuns(runDir).map(({ entries }) => entries)).toEqual([[loop]]);
});

test("takes a process that reused the number of a dead run for another", () => {
  const runDir = temporaryDirectory();
  mkdirSync(join(runDir, "journal"));
  const owner = { ...ownIdentity(), startTime: "1" };
  writeFileSync(join(runDir, "journal", `${String(owner.pid)}-1.jsonl`), `${JSON.stringify({ owner })}\n`);
  expect(readDeadRuns(runDir)).toHaveLength(1);
});

async function deadJournal(runDir: string, lines: readonly object[]): Promise<string> {
  const child = spawn("true");
  await once(child, "exit");
  const owner = { pid: child.pid ?? 0, startTime: "12345" };
  mkdirSync(join(runDir, "journal"), { recursive: true });
  const path = join(runDir, "journal", `${String(owner.pid)}-${owner.startTime}.jsonl`);
  writeFileSync(path, [{ owner }, ...lines].map((line) => `${JSON.stringify(line)}\n`).join(""));
  return path;
}

test("a journal that cannot be read is named, and the others are read", async () => {
  const runDir = temporaryDirectory();
  await deadJournal(runDir, [{ id: 0, entry: loop }]);
  mkdirSync(join(runDir, "journal/17-17.jsonl"));
  writeFileSync(join(runDir, "journal/18-18.jsonl"), '{"owner":{"pid":1,"startTime":"1"}}\ngarbage\n{"id":1}\n');
  expect(readDeadRuns(runDir).flatMap(({ entries }) => entries)).toEqual([loop]);
  expect(unreadableJournals(runDir)).toEqual([
    expect.stringMatching(/17-17.jsonl: EISDIR/),
    `${join(runDir, "journal/18-18.jsonl")}: line 2 is not an entry`,
  ]);
});

test("what a recovery has kept counts as tried", async () => {
  const runDir = temporaryDirectory();
  await deadJournal(runDir, [{ id: 0, entry: loop }]);
  const [dead] = readDeadRuns(runDir);
  expect(dead?.tried).toBe(false);
  dead?.keep([loop]);
  expect(readDeadRuns(runDir).map(({ tried, entries }) => ({ tried, entries }))).toEqual([
    { tried: true, entries: [loop] },
  ]);
});

test("a run in another PID namespace that shares /run is alive as long as it lives", async (context) => {
  context.skip(process.getuid?.() !== 0, "needs root for a PID namespace");
  const runDir = temporaryDirectory();
  mkdirSync(join(runDir, "journal"));
  // Writes its journal as we would, with the number that it has in its own namespace.
  const script = `exec 3>"$1/journal/1-0.jsonl"; set -- $(cat /proc/self/stat); echo "{\\"owner\\":{\\"pid\\":$$,\\"startTime\\":\\"$(cut -d ' ' -f 22 /proc/$$/stat)\\",\\"namespace\\":\\"$(readlink /proc/$$/ns/pid)\\"}}" >&3; echo '${JSON.stringify({ id: 0, entry: loop })}' >&3; echo ready; read -r _`;
  const child = spawn("unshare", [
    "--pid",
    "--fork",
    "--kill-child",
    "--mount-proc",
    "bash",
    "-c",
    script,
    "bash",
    runDir,
  ]);
  await once(child.stdout, "data");
  expect(readDeadRuns(runDir)).toEqual([]);
  expect(readLiveEntries(runDir)).toEqual([loop]);
  child.kill("SIGKILL");
  await once(child, "exit");
  await expect.poll(() => readDeadRuns(runDir).flatMap(({ entries }) => entries)).toEqual([loop]);
});
