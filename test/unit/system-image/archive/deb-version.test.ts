import { spawnSync } from "node:child_process";
import fc from "fast-check";
import { expect, test } from "vitest";
import { compareDebVersions } from "../../../../src/system-image/archive/deb-version.ts";

// Cases of deb-version(7) and of dpkg's own t-version.c.
test.each([
  ["1.0", "2.0"],
  ["9", "10"],
  ["1.0", "1:0.1"],
  ["1.0~rc1", "1.0"],
  ["1.0~~", "1.0~"],
  ["1.0~rc1", "1.0~rc1+b1"],
  ["1.0-1", "1.0-1+deb13u1"],
  ["1.0-1~bpo12+1", "1.0-1"],
  ["1.0-1", "1.0.1-1"],
  ["1.0a", "1.0b"],
  ["1.0a", "1.0+"],
  ["0.9-1-1", "0.9-1-2"],
  ["20260101123456789012345", "20260101123456789012346"],
])("%s is older than %s", (older, newer) => {
  expect(compareDebVersions(older, newer)).toBeLessThan(0);
  expect(compareDebVersions(newer, older)).toBeGreaterThan(0);
});

test.each([
  ["1.0", "0:1.0"],
  ["1.0", "1.0-0"],
  ["1.00", "1.0"],
  ["1.0", "1.0-"],
])("%s and %s are the same version", (a, b) => {
  expect(compareDebVersions(a, b) === 0).toBe(true);
});

test("versions are ordered as dpkg orders them", (context) => {
  context.skip(spawnSync("dpkg", ["--version"]).status !== 0, "needs dpkg");
  const characters = fc.constantFrom("0", "1", "9", "a", "z", ".", "+", "~");
  const part = fc.string({ unit: characters, maxLength: 6 }).map((text) => `1${text}`);
  const version = fc
    .tuple(fc.constantFrom("", "0:", "2:"), part, fc.constantFrom("", "-"), part)
    .map(([epoch, upstream, hyphen, revision]) => `${epoch}${upstream}${hyphen}${hyphen === "" ? "" : revision}`);
  fc.assert(
    fc.property(version, version, (a, b) => {
      const relation = compareDebVersions(a, b) < 0 ? "lt" : compareDebVersions(a, b) > 0 ? "gt" : "eq";
      expect(spawnSync("dpkg", ["--compare-versions", a, relation, b]).status, `${a} ${relation} ${b}`).toBe(0);
    }),
    { numRuns: 150 },
  );
});
