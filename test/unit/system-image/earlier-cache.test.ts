import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { acquireSystem } from "../../../src/system-image/acquire.ts";
import { expectedRequirement } from "../../../src/system-image/expected-requirement.ts";
import { hashedName, systemSpec } from "../../../src/system-image/spec/system-spec.ts";
import { testConfig } from "../../fixtures/config.ts";
import { sh } from "../../fixtures/loop-disk.ts";
import { fakeCommands, temporaryDirectory, testHost } from "../../fixtures/test-host.ts";

/** A manifest as version 1.0.0 wrote it, word for word but for the checksum. */
const manifestOf = (sha256: string): string => `{
  "kind": "built",
  "version": 1,
  "key": {
    "format": 1,
    "suite": "trixie",
    "arch": "amd64",
    "mirror": "http://mirror.example.com/debian",
    "components": [],
    "packages": [],
    "engine": "debootstrap",
    "options": [],
    "keyring": "",
    "checkSignatures": true
  },
  "created": "2026-01-02T03:04:05.678Z",
  "tool": "ganeti-instance-debootstrap",
  "sha256": "${sha256}",
  "tree": { "bytes": 209715200, "inodes": 9000 },
  "packages": { "base-files": "13.8" },
  "stamp": { "inode": "1", "size": 10240, "modified": "1767323045678000000", "changed": "1767323045678000000" },
  "images": { "ext4-0123456789": { "inode": "2", "size": 4096, "modified": "1", "changed": "1" } }
}
`;

function earlierCache() {
  const cacheDir = join(temporaryDirectory(), "cache");
  const tree = temporaryDirectory();
  mkdirSync(cacheDir);
  writeFileSync(join(tree, "file"), "content\n");
  const tar = join(cacheDir, "cache-trixie-amd64.tar");
  sh(`tar -C "$1" -cf "$2" .`, tree, tar);
  const sha256 = createHash("sha256").update(readFileSync(tar)).digest("hex");
  const manifest = join(cacheDir, "cache-trixie-amd64.manifest.json");
  writeFileSync(manifest, manifestOf(sha256));
  const config = testConfig(cacheDir, { arch: "amd64", mirror: "http://mirror.example.com/debian/" });
  return { tar, manifest, config };
}

test("a cache made by version 1.0.0 is used, and its record is kept", async () => {
  const { tar, manifest, config } = earlierCache();
  // Nothing is bootstrapped.
  const host = testHost({ path: fakeCommands({ debootstrap: "exit 1", "apt-get": "exit 1" }).path });
  await using system = await acquireSystem(host, config, []);
  expect(system.origin).toBe(`cache ${tar}`);
  expect(host.logged()).not.toContain("warning");
  expect(JSON.parse(readFileSync(manifest, "utf8"))).toMatchObject({ kind: "built", key: { suite: "trixie" } });
});

test("a name with a hash is the one that version 1.0.0 gave", () => {
  const config = testConfig("/cache", { arch: "amd64", mirror: "http://mirror.example.com/debian/" });
  expect(hashedName(systemSpec(config, ["grub-pc"]))).toBe("cache-trixie-amd64-eca1c6fd7b");
});

test("what a cached system takes is known before it is opened, and of another one the least", async () => {
  const { config } = earlierCache();
  expect((await expectedRequirement(config, [])).bytes).toBeGreaterThan(209_715_200);
  expect((await expectedRequirement(config, ["grub-pc"])).bytes).toBe(64 * 1_048_576);
});
