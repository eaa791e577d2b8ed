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

test("is taken by a command that ends with us", async () => {
  const fakes = fakeCommands({ setpriv: 'while [ "$1" != -- ]; do shift; done; shift; exec "$@"' });
  const host = testHost({ path: fakes.path });
  const path = (name: string): string => join(host.runDir, "locks", name);
  await using _ = await acquireLock(host, path("one"), { waitSeconds: 0 });
  await using __ = await acquireLock(host, path("two"), { waitSeconds: 5 });
  await using ___ = await acquireLock(host, path("three"));
  expect(fakes.calls()).toEqual([
    expect.stringMatching(/^setpriv --pdeathsig KILL .* flock --exclusive --nonblock /),
    expect.stringMatching(/^setpriv --pdeathsig KILL .* flock --exclusive --wait 5 /),
    expect.stringMatching(/^setpriv --pdeathsig KILL .* flock --exclusive --conflict/),
  ]);
});
