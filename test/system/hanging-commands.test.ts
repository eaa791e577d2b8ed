import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { seedCache } from "../fixtures/bootstrapped-cache.ts";
import { ganetiPath, installOs, instanceVariables } from "../fixtures/installed-os.ts";
import { leftovers } from "../fixtures/leftovers.ts";
import { diskFile } from "../fixtures/loop-disk.ts";
import { fakeCommands, temporaryDirectory } from "../fixtures/test-host.ts";

const os = installOs();
seedCache(os.cacheDir);

function variables(disk: string, path: string): Record<string, string> {
  return { ...instanceVariables("host1.example.com", [disk]), PATH: path };
}

// Hangs from the call on that has `word` among its arguments.
function hanging(command: string, word: string): string {
  const real = `PATH=${ganetiPath} exec ${command} "$@"`;
  return fakeCommands({ [command]: `case " $* " in *"${word}"*) exec sleep 120;; esac; ${real}` }).path;
}

const calls = [
  ["flock", ""],
  ["losetup", ""],
  ["losetup", "--detach"],
  ["sfdisk", ""],
  ["mount", ""],
  ["umount", ""],
] as const;

test.each(calls)("SIGTERM ends a create whose %s %s hangs; the next start releases what is left", async (...call) => {
  const directory = temporaryDirectory();
  const disk = diskFile(join(directory, "disk0"), 1024);
  os.settings("PARTITION_MAPPER=loop\n");
  const clean = leftovers(os, directory);
  const running = os.start("create", { env: variables(disk, hanging(...call)) });
  await Promise.race([sleep(8000), running.done]);
  const start = performance.now();
  process.kill(running.pid, "SIGTERM");
  const result = await running.done;
  expect(performance.now() - start).toBeLessThan(10_500);
  expect([result.status, result.signal], result.stderr).toEqual([143, null]);
  const again = await os.run("create", { env: variables(disk, ganetiPath) });
  expect(again, again.stderr).toMatchObject({ status: 0 });
  expect(leftovers(os, directory)).toEqual(clean);
});

test.each(calls)("a create whose %s %s hangs ends by COMMAND_TIMEOUT, and says so", async (...call) => {
  const directory = temporaryDirectory();
  const disk = diskFile(join(directory, "disk0"), 1024);
  os.settings("PARTITION_MAPPER=loop\nCOMMAND_TIMEOUT=3\n");
  const clean = leftovers(os, directory);
  const result = await os.run("create", { env: variables(disk, hanging(...call)) });
  expect(result.status, result.stderr).toBe(1);
  expect(result.stderr).toMatch(new RegExp(`no end after [0-9.]+ s: ${call[0]}`));
  expect(result.stderr).not.toMatch(/please report/);
  const again = await os.run("create", { env: variables(disk, ganetiPath) });
  expect(again, again.stderr).toMatchObject({ status: 0 });
  expect(leftovers(os, directory)).toEqual(clean);
});
