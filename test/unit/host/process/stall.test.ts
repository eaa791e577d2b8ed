import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { activityOf } from "../../../../src/host/process/activity.ts";
import { run, start } from "../../../../src/host/process/run.ts";
import { testHost } from "../../../fixtures/test-host.ts";

test("a command that makes no progress is said so now and then, and ended", async () => {
  const host = testHost();
  const stall = { what: "the bootstrap from http://mirror.example.com/debian", seconds: 2, sayEverySeconds: 0.4 };
  await expect(run(host, ["sleep", "60"], { stall })).rejects.toThrow("no progress for 2 s, so it was ended: sleep 60");
  expect(host.logged()).toMatch(
    /example\.com\/debian has made no progress for \d s \(it is ended after 2 s, STALL_TIMEOUT\)/,
  );
});

test("one that works, or of which a child works, is left alone however long it takes", async () => {
  const works = "for i in 1 2 3 4 5 6 7 8 9; do (head -c 2000000 /dev/zero >/dev/null; sleep 0.3); done";
  await run(testHost(), ["sh", "-c", works], { stall: { what: "it", seconds: 1 } });
});

test("its own measure counts where there is one: a command in an endless loop makes no progress", async () => {
  const stall = { what: "restore", seconds: 1, progress: () => "always the same" };
  await expect(run(testHost(), ["sh", "-c", "while :; do :; done"], { stall })).rejects.toThrow(/no progress for 1 s/);
});

test("with 0 nothing is ended", async () => {
  await run(testHost(), ["sleep", "0.5"], { stall: { what: "it", seconds: 0 } });
});

test("activity counts what grandchildren do", async () => {
  const command = start(testHost(), ["sh", "-c", "sh -c 'while :; do head -c 100000 /dev/zero >/dev/null; done'; :"]);
  await sleep(200);
  const before = activityOf(command.pid ?? 0);
  await sleep(1500);
  expect(activityOf(command.pid ?? 0)).not.toBe(before);
  command.kill();
  await command.done.catch(() => undefined);
});
