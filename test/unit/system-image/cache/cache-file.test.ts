import { chmodSync, chownSync, existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { acquireSystem } from "../../../../src/system-image/acquire.ts";
import { takeCachedDebs } from "../../../../src/system-image/archive/debs-cache.ts";
import { openCacheFile } from "../../../../src/system-image/cache/cache-file.ts";
import { openCacheFolder } from "../../../../src/system-image/cache/folder.ts";
import { verifyCaches } from "../../../../src/system-image/verify.ts";
import { testConfig } from "../../../fixtures/config.ts";
import { sh } from "../../../fixtures/loop-disk.ts";
import { temporaryDirectory, testHost } from "../../../fixtures/test-host.ts";

/** Within which a refusal must come: what opens a FIFO waits for ever. */
const soon = 5000;

const kinds: readonly (readonly [string, (path: string) => unknown])[] = [
  ["a FIFO", (path) => void sh(`mkfifo "$1"`, path)],
  [
    "a directory",
    (path) => {
      mkdirSync(path);
    },
  ],
  [
    "a symbolic link",
    (path) => {
      symlinkSync("/etc/hostname", path);
    },
  ],
  ["a device", (path) => void sh(`mknod "$1" c 1 5`, path)],
  [
    "a socket",
    async (path) => {
      const server = createServer();
      onTestFinished(() => void server.close());
      await new Promise<void>((resolve) => server.listen(path, resolve));
    },
  ],
];

describe.each(kinds)("%s in the cache", (kind, make) => {
  test("in place of a tar is refused by create and verify, soon and by name", { timeout: soon }, async () => {
    const entry = openCacheFolder(temporaryDirectory()).entry("cache-trixie-amd64");
    await make(entry.tarPath);
    const config = testConfig(entry.folder.directory, { suite: "trixie", arch: "amd64" });
    await expect(acquireSystem(testHost(), config, [])).rejects.toMatchObject({
      message: `${entry.tarPath} is ${kind}, not a regular file`,
    });
    expect(await verifyCaches(testHost(), config)).toMatchObject([{ path: entry.tarPath, outcome: "damaged" }]);
    expect(existsSync(entry.tarPath)).toBe(true);
  });

  test("in place of an image is damaged for verify", { timeout: soon }, async () => {
    const entry = openCacheFolder(temporaryDirectory()).entry("cache-trixie-amd64");
    sh(`cd "$1" && tar -cf "$2" .`, temporaryDirectory(), entry.tarPath);
    await make(entry.imagePath("ext4-0123456789"));
    const found = await verifyCaches(testHost(), testConfig(entry.folder.directory));
    expect(found[1]).toMatchObject({
      outcome: "damaged",
      reason: expect.stringContaining(`is ${kind}, not`) as unknown,
    });
  });

  test("in place of a package is not taken", { timeout: soon }, async () => {
    const [cache, target] = [temporaryDirectory(), temporaryDirectory()];
    const wanted = { name: "a", version: "1", arch: "all", depends: [], filename: "a.deb", paragraph: "" };
    await make(join(cache, "a_1_all.deb"));
    const packages = [{ ...wanted, size: 1, sha256: "0" }];
    expect(await takeCachedDebs(cache, packages, target)).toEqual(packages);
  });
});

describe("a tar that others may write to", () => {
  const nobody = 65534;

  function tarOf(uid: number, mode: number) {
    const entry = openCacheFolder(temporaryDirectory()).entry("cache-trixie-amd64");
    sh(`cd "$1" && tar -cf "$2" .`, temporaryDirectory(), entry.tarPath);
    chownSync(entry.tarPath, uid, 0);
    chmodSync(entry.tarPath, mode);
    return entry;
  }

  test.each([
    [nobody, 0o644, "chown root: PATH"],
    [0, 0o664, "chmod go-w PATH"],
    [0, 0o646, "chmod go-w PATH"],
    [nobody, 0o666, "chown root: PATH; chmod go-w PATH"],
    [nobody, 0o444, "chown root: PATH"],
  ])("does not count as the administrator's: owner %i, mode %o", async (uid, mode, remedy) => {
    const entry = tarOf(uid, mode);
    const before = readFileSync(entry.tarPath);
    const config = testConfig(entry.folder.directory, { suite: "trixie", arch: "amd64" });
    await expect(acquireSystem(testHost(), config, [])).rejects.toMatchObject({
      name: "UntrustedFile",
      message: expect.stringContaining(`its owner is uid ${String(uid)}, its mode 0${mode.toString(8)}`) as unknown,
      hint: expect.stringContaining(remedy.replaceAll("PATH", entry.tarPath)) as unknown,
    });
    expect(readFileSync(entry.tarPath)).toEqual(before);
  });

  test("is refused beside a manifest that only root may write, and the other way round", async () => {
    const entry = tarOf(0, 0o644);
    writeFileSync(entry.manifestPath, "{}");
    chmodSync(entry.manifestPath, 0o666);
    await expect(entry.manifest()).rejects.toThrow(`${entry.manifestPath} can be changed by others than root`);
  });

  test("that all may read is used", async () => {
    const file = await openCacheFile(tarOf(0, 0o644).tarPath);
    expect(file).toBeDefined();
    await file?.close();
  });
});
