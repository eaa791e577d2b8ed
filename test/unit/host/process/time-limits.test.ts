import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { CommandTimeout, Interrupted } from "../../../../src/host/errors.ts";
import { run } from "../../../../src/host/process/run.ts";
import { limitOf, releaseTimeLeft, timeLimits, withCommandTimeout } from "../../../../src/host/process/time-limits.ts";
import { fakeCommands, testHost } from "../../../fixtures/test-host.ts";

test.each([
  ["blkid", 60],
  ["losetup", 600],
  ["umount", 3600],
  ["sync", 3600],
  ["tar", undefined],
  ["run-parts", undefined],
  ["debootstrap", undefined],
] as const)("%s may take %s seconds by default", (command, seconds) => {
  expect(limitOf(testHost(), command)).toBe(seconds);
});

test("COMMAND_TIMEOUT=0 is no bound", () => {
  expect(limitOf(withCommandTimeout(testHost(), 0), "mount")).toBeUndefined();
});

test("a command that hangs is killed after its time, and the error says so with a remedy", async () => {
  const host = withCommandTimeout(testHost({ path: fakeCommands({ mount: "sleep 30" }).path }), 1);
  const running = run(host, ["mount", "/dev/loop3"], { shielded: true });
  await expect(running).rejects.toThrow("no end after 1 s: mount /dev/loop3");
  await expect(running).rejects.toBeInstanceOf(CommandTimeout);
  await expect(running).rejects.toHaveProperty("hint", expect.stringContaining("COMMAND_TIMEOUT"));
});

test("a shielded command that hangs ends a bounded time after a signal", async () => {
  const faulty = { ...testHost({ path: fakeCommands({ umount: "sleep 30" }).path }) };
  const host = { ...faulty, releaseSeconds: 0.6 };
  const running = run(host, ["umount", "/mnt"], { shielded: true });
  running.catch(() => undefined);
  await sleep(100);
  const start = performance.now();
  faulty.abort(new Interrupted("SIGTERM"));
  await expect(running).rejects.toThrow(/no end after 0\.\d s: umount/);
  expect(performance.now() - start).toBeLessThan(3000);
  // The next one has less, but gets a chance.
  expect(releaseTimeLeft(host)).toBe(0.3);
  await run(host, ["true"], { shielded: true });
});

test("a command that cannot be killed is not waited for", async () => {
  // What left the process group and holds the pipes stands for a process that waits in the kernel.
  const stuck = fakeCommands({ sync: "setsid sleep 12 & exec sleep 12" });
  const host = { ...testHost({ path: stuck.path }), limits: { ...timeLimits(), writes: 0.3 } };
  const start = performance.now();
  await expect(run(host, ["sync"])).rejects.toThrow(/it cannot be killed because it waits in the kernel: sync/);
  expect(performance.now() - start).toBeLessThan(9000);
});

test("a command that is not shielded and cannot be killed does not hold up the answer to a signal", async () => {
  const stuck = fakeCommands({ sync: "setsid sleep 12 & exec sleep 12" });
  const host = testHost({ path: stuck.path });
  const running = run(host, ["sync"]);
  running.catch(() => undefined);
  await sleep(200);
  const start = performance.now();
  host.abort(new Interrupted("SIGTERM"));
  await expect(running).rejects.toThrow("interrupted by SIGTERM");
  expect(performance.now() - start).toBeLessThan(3000);
});
