import { existsSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { acquireLock } from "../../../src/host/lock.ts";
import { fakeCommands, testHost } from "../../fixtures/test-host.ts";

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

test("is taken by a command that ends with us, but where it is on this node and not waited for", async () => {
  const fakes = fakeCommands({ setpriv: 'while [ "$1" != -- ]; do shift; done; shift; exec "$@"' });
  const host = testHost({ path: fakes.path });
  const path = join(host.runDir, "locks", "disk");
  await using _ = await acquireLock(host, path, { mode: "shared", waitSeconds: 0 });
  expect(fakes.calls()).toEqual([]);
  await using __ = await acquireLock(host, path, { mode: "shared", waitSeconds: 5 });
  await using ___ = await acquireLock(host, path, { mode: "shared" });
  await using ____ = await acquireLock(host, join(host.directory, "cache"), { waitSeconds: 0 });
  expect(fakes.calls()).toEqual([
    expect.stringMatching(/^setpriv --pdeathsig KILL .* flock --shared --wait 5 /),
    expect.stringMatching(/^setpriv --pdeathsig KILL .* flock --shared --conflict/),
    expect.stringMatching(/^setpriv --pdeathsig KILL .* flock --exclusive --nonblock /),
  ]);
});
