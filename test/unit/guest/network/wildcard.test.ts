import { expect, test } from "vitest";
import { matchesWildcard } from "../../../../src/guest/network/wildcard.ts";

test.each([
  ["eth0", "*", true],
  ["eth0", "eth?", true],
  ["eth10", "eth?", false],
  ["eth0.cfg", "*.cfg", true],
  ["eth0.cfg.bak", "*.cfg", false],
  ["a-b-c", "a*b*c", true],
  ["a-c", "a*b*c", false],
  ["eth1", "eth[0-3]", true],
  ["eth5", "eth[0-3]", false],
  ["ethx", "eth[!0-9]", true],
  ["eth1", "eth[^0-9]", false],
  ["a]b", "a[]]b", true],
  [".hidden", "*", false],
  [".hidden", ".*", true],
  ["a*b", String.raw`a\*b`, true],
  ["axb", String.raw`a\*b`, false],
  ["[", "[", true],
  ["", "**", true],
])("%j and %j match: %s", (name, pattern, matches) => {
  expect(matchesWildcard(name, pattern)).toBe(matches);
});

test("needs no exponential time for a pattern full of stars", () => {
  expect(matchesWildcard("a".repeat(250), `${"*a".repeat(120)}*b`)).toBe(false);
});
