import { existsSync, mkdirSync, readFileSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, describe, expect, test } from "vitest";
import { acquireSystem } from "../../../../src/system-image/acquire.ts";
import { openChecked } from "../../../../src/system-image/cache/checked-tar.ts";
import { type CacheEntry, openCacheFolder } from "../../../../src/system-image/cache/folder.ts";
import { unpackOpenTar } from "../../../../src/system-image/tree/tar.ts";
import { testConfig } from "../../../fixtures/config.ts";
import { sh } from "../../../fixtures/loop-disk.ts";
import { fakeCommands, temporaryDirectory, testHost } from "../../../fixtures/test-host.ts";

let entry: CacheEntry;

beforeEach(() => {
  entry = openCacheFolder(temporaryDirectory()).entry("cache-trixie-amd64");
});

/** Puts an administrator's own tar there: a directory, a file and one of zeros, in a tar packed by `program`. */
function ownTar(program: string): void {
  const tree = temporaryDirectory();
  mkdirSync(join(tree, "etc"));
  writeFileSync(join(tree, "etc/own"), "own\n");
  writeFileSync(join(tree, "zeros"), Buffer.alloc(4096));
  sh(`tar --sort=name -C "$1" -c etc zeros | ${program} >"$2"`, tree, entry.tarPath);
}

describe.each(["gzip", "bzip2", "xz", "zstd"])("an administrator's own tar, compressed with %s,", (program) => {
  test("is used as any, and stays as it is", async () => {
    ownTar(program);
    const before = readFileSync(entry.tarPath);
    const config = testConfig(entry.folder.directory, { suite: "trixie", arch: "amd64" });
    await using system = await acquireSystem(testHost(), config, []);
    expect(system.origin).toBe(`cache ${entry.tarPath}`);
    expect(await entry.manifest()).toMatchObject({ kind: "adopted", tree: { bytes: 12_288, inodes: 3 } });
    expect(readFileSync(entry.tarPath)).toEqual(before);
  });

  test("is unpacked, more than once", async () => {
    ownTar(program);
    const tar = await openChecked(testHost(), entry, false);
    if (tar === undefined) throw new Error("it is not there");
    for (const directory of [temporaryDirectory(), temporaryDirectory()]) {
      await unpackOpenTar(testHost(), tar.file, directory);
      expect(readFileSync(join(directory, "etc/own"), "utf8")).toBe("own\n");
    }
    await tar.file.close();
  });

  test("is damaged when its end is missing", async () => {
    ownTar(program);
    truncateSync(entry.tarPath, readFileSync(entry.tarPath).length - 12);
    const host = testHost();
    expect(await openChecked(host, entry, false)).toBeUndefined();
    expect(host.logged()).toMatch(/is damaged .* set aside as/s);
  });

  test("stays where it is when the program is missing or killed", async () => {
    ownTar(program);
    const tools = temporaryDirectory();
    sh(`for tool in tar flock setpriv sh env; do ln -s "$(command -v $tool)" "$1/"; done`, tools);
    const missing = `${entry.tarPath} is compressed with ${program}, which this node does not have`;
    await expect(openChecked(testHost({ path: tools }), entry, false)).rejects.toMatchObject({
      message: missing,
      hint: `apt-get install ${program === "xz" ? "xz-utils" : program}`,
    });
    const killed = fakeCommands({ [program]: "kill -KILL $$" });
    await expect(openChecked(testHost({ path: killed.path }), entry, false)).rejects.toThrow("died with signal 9");
    expect(existsSync(entry.tarPath)).toBe(true);
  });
});

test("a plain tar whose first member has the name of a signature is plain", async () => {
  const tree = temporaryDirectory();
  writeFileSync(join(tree, "BZh91AY&SY"), "");
  sh(`tar -C "$1" -cf "$2" "BZh91AY&SY"`, tree, entry.tarPath);
  const tar = await openChecked(testHost(), entry, false);
  expect(tar?.manifest).toMatchObject({ kind: "adopted", tree: { inodes: 1 } });
  await tar?.file.close();
});
