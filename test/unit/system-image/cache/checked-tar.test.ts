import { existsSync, mkdirSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { openCacheFolder } from "../../../../src/system-image/cache/folder.ts";
import { listCaches } from "../../../../src/system-image/list.ts";
import { openChecked } from "../../../../src/system-image/cache/checked-tar.ts";
import { verifyCaches } from "../../../../src/system-image/verify.ts";
import { testConfig } from "../../../fixtures/config.ts";
import { sh } from "../../../fixtures/loop-disk.ts";
import { fakeCommands, temporaryDirectory, testHost } from "../../../fixtures/test-host.ts";

const name = "cache-trixie-amd64";

/** A cache with an administrator's own tar of a directory and two files, without a manifest. */
function cacheWithTar() {
  const tree = temporaryDirectory();
  mkdirSync(join(tree, "etc"));
  writeFileSync(join(tree, "etc/own"), "own\n");
  writeFileSync(join(tree, "zeros"), Buffer.alloc(4096));
  const entry = openCacheFolder(temporaryDirectory()).entry(name);
  sh(`tar --sort=name -C "$1" -cf "$2" etc zeros`, tree, entry.tarPath);
  return entry;
}

describe("a tar that cannot be read for a reason of the run", () => {
  test.each([
    ["tar is killed", "kill -KILL $$", "killed by SIGKILL"],
    ["tar gets no memory", "echo 'tar: memory exhausted' >&2; exit 2", "memory exhausted"],
    ["tar cannot be started", "exit 127", "not found or not runnable"],
    ["what stands before tar fails", "exit 1", "exit status 1"],
  ])("stays where it is: %s", async (_what, script, message) => {
    const entry = cacheWithTar();
    const host = testHost({ path: fakeCommands({ tar: script }).path });
    await expect(openChecked(host, entry, false)).rejects.toThrow(message);
    expect(existsSync(entry.tarPath)).toBe(true);
    expect(host.logged()).not.toContain("damaged");
    const opened = await openChecked(testHost(), entry, false);
    expect(opened?.manifest).toMatchObject({ kind: "adopted", tree: { bytes: 12_288, inodes: 3 } });
    await opened?.file.close();
  });
});

test("a tar that is cut behind a member which ends in zeros is damaged", async () => {
  const entry = cacheWithTar();
  const host = testHost();
  // Three headers, the block of etc/own, the eight of zeros.
  truncateSync(entry.tarPath, 12 * 512);
  expect(await openChecked(host, entry, false)).toBeUndefined();
  expect(host.logged()).toContain("ends early: the end marker of a tar is missing");
});

describe("a tar beside a manifest that cannot be read", () => {
  // undefined: a directory.
  const manifests = [
    ["empty", ""],
    ["cut off", '{ "kind": "built", "version": 1, "sha'],
    ["binary", Buffer.from([0xff, 0, 0x80, 0x0a])],
    ["of a later version", '{ "kind": "built", "version": 99 }'],
    ["a directory", undefined],
  ] as const;

  function put(path: string, content: string | Buffer | undefined): void {
    if (content === undefined) mkdirSync(join(path, "inside"), { recursive: true });
    else writeFileSync(path, content);
  }

  test.each(manifests)("is nobody's own: set aside, and listed as such before (%s)", async (_what, content) => {
    const entry = cacheWithTar();
    put(entry.manifestPath, content);
    expect(await listCaches(testConfig(entry.folder.directory))).toMatchObject([
      { name, origin: "unknown", key: undefined },
    ]);
    const host = testHost();
    expect(await openChecked(host, entry, false)).toBeUndefined();
    expect(host.logged()).toMatch(/warning: .* is damaged \(its manifest cannot be read.*: set aside as .*\.damaged\n/);
    expect(await entry.folder.files()).toEqual([`${name}.tar.damaged`, "locks"]);
  });

  test.each(manifests)("is damaged for verify, too (%s)", async (_what, content) => {
    const entry = cacheWithTar();
    put(entry.manifestPath, content);
    expect(await verifyCaches(testHost(), testConfig(entry.folder.directory))).toMatchObject([
      { path: entry.tarPath, outcome: "damaged" },
    ]);
  });
});
