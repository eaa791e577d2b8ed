import { existsSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { acquireLock } from "../../../src/host/lock.ts";
import { testHost } from "../../fixtures/test-host.ts";

test("is held against others until it is released, and its file stays", async () => {
  const host = testHost();
  const path = join(host.directory, "locks", "disk");
  const first = await acquireLock(host, path);
  expect(await acquireLock(host, path, { waitSeconds: 0 })).toBeUndefined();
  await first?.[Symbol.asyncDispose]();
  expect(existsSync(path)).toBe(true);
  const second = await acquireLock(host, path, { waitSeconds: 0 });
  expect(second).toBeDefined();
  await second?.[Symbol.asyncDispose]();
});

test("is shared among readers and keeps a writer out", async () => {
  const host = testHost();
  const path = join(host.directory, "cache");
  await using one = await acquireLock(host, path, { mode: "shared", waitSeconds: 0 });
  await using two = await acquireLock(host, path, { mode: "shared", waitSeconds: 0 });
  expect([one?.path, two?.path]).toEqual([path, path]);
  expect(await acquireLock(host, path, { waitSeconds: 0 })).toBeUndefined();
});

test("is given to a waiter when the holder lets go", async () => {
  const host = testHost();
  const path = join(host.directory, "lock");
  const holder = await acquireLock(host, path);
  const waiting = acquireLock(host, path, { waitSeconds: 5 });
  await holder?.[Symbol.asyncDispose]();
  const waiter = await waiting;
  expect(waiter).toBeDefined();
  await waiter?.[Symbol.asyncDispose]();
});
