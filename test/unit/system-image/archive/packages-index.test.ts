import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { offersTheSame } from "../../../../src/system-image/refresh.ts";
import {
  type ArchivePackage,
  closure,
  openPackagesIndex,
} from "../../../../src/system-image/archive/packages-index.ts";
import { systemSpec } from "../../../../src/system-image/spec/system-spec.ts";
import { testConfig } from "../../../fixtures/config.ts";
import { temporaryDirectory } from "../../../fixtures/test-host.ts";

const index = `Package: base
Version: 1:1.0
Architecture: amd64
Priority: required
Pre-Depends: libc (>= 2), awk
Depends: first (= 1) | second, any:any
Filename: pool/base.deb
Size: 10
SHA256: aa

Package: libc
Version: 2
Architecture: amd64
Priority: optional
Filename: pool/libc.deb

Package: first
Version: 1
Depends: base
Priority: optional

Package: second
Version: 1
Priority: optional

Package: any
Version: 1
Priority: optional

Package: tool
Version: 1
Priority: important

Package: wanted
Version: 3
Depends: libextra
Priority: optional

Package: libextra
Version: 1
Priority: optional
`;

function indexFile(text: string): string {
  const path = join(temporaryDirectory(), "Packages");
  writeFileSync(path, text);
  return path;
}

test("the closure takes required and important packages, first alternatives and what was asked for", async () => {
  await using packages = await openPackagesIndex(indexFile(index));
  expect(packages.base).toEqual(["base", "tool"]);
  expect([...(await closure([packages], [])).keys()].sort()).toEqual(["any", "base", "first", "libc", "tool"]);
  const asked = await closure([packages], ["wanted", "no-such"]);
  expect([...asked.keys()].sort()).toEqual(["any", "base", "first", "libc", "libextra", "tool", "wanted"]);
});

test("a package is read whole", async () => {
  await using packages = await openPackagesIndex(indexFile(index));
  const { paragraph, ...found } = (await packages.find("base"))!;
  expect(found).toEqual({
    name: "base",
    version: "1:1.0",
    arch: "amd64",
    depends: ["libc", "awk", "first", "any"],
    filename: "pool/base.deb",
    size: 10,
    sha256: "aa",
  });
  expect(paragraph).toBe(index.slice(0, index.indexOf("\n\n")));
});

test.each([
  ["behind", (older: string, newer: string) => `${older}\n${newer}`],
  ["before", (older: string, newer: string) => `${newer}\n${older}`],
])("of several versions the newest counts, %s the older one", async (_where, both) => {
  const newer = "Package: libc\nVersion: 10\nPriority: required\nFilename: pool/newer.deb\n";
  const older = "Package: libc\nVersion: 9\nPriority: important\nFilename: pool/older.deb\n";
  await using packages = await openPackagesIndex(indexFile(both(older, newer)));
  expect(await packages.find("libc")).toMatchObject({ version: "10", filename: "pool/newer.deb" });
  expect(packages.base).toEqual(["libc"]);
});

test("whether every system has a package is told by its newest version", async () => {
  const text = "Package: tool\nVersion: 1\nPriority: required\n\nPackage: tool\nVersion: 2\nPriority: optional\n";
  await using packages = await openPackagesIndex(indexFile(text));
  expect(packages.base).toEqual([]);
});

test("of two components the one with the newer version counts", async () => {
  const text = (version: string): string => `Package: tool\nVersion: ${version}\nPriority: required\n`;
  await using main = await openPackagesIndex(indexFile(text("1.9")));
  await using contrib = await openPackagesIndex(indexFile(text("1.10")));
  expect((await closure([main, contrib], [])).get("tool")).toMatchObject({ version: "1.10", index: 1 });
});

test("packages on both sides of a chunk of the file are found", async () => {
  const many = Array.from(
    { length: 20_000 },
    (_, n) => `Package: p${String(n)}\nVersion: ${String(n)}\nDescription: ${"ä".repeat(60)}\n`,
  );
  await using packages = await openPackagesIndex(indexFile(many.join("\n")));
  for (const n of [0, 7_000, 13_337, 19_999]) expect((await packages.find(`p${String(n)}`))?.version).toBe(String(n));
});

test("a system is current while the archive offers the same versions and nothing new belongs to every system", () => {
  const offered = (versions: Readonly<Record<string, string>>) =>
    new Map(
      Object.entries(versions).map(([name, version]) => [
        name,
        { name, version, component: "main", index: 0 } as ArchivePackage & { component: string; index: number },
      ]),
    );
  const manifest = {
    packages: { base: "1", libc: "2" },
    key: systemSpec(testConfig("/cache"), []),
  };
  const same = { packages: offered({ base: "1", libc: "2" }), base: ["base"] };
  expect(offersTheSame(same, manifest)).toBe(true);
  expect(offersTheSame({ ...same, packages: offered({ base: "1", libc: "3" }) }, manifest)).toBe(false);
  expect(offersTheSame({ ...same, packages: offered({ base: "1" }) }, manifest)).toBe(false);
  const grown = { packages: offered({ base: "1", libc: "2", tool: "1" }), base: ["base", "tool"] };
  expect(offersTheSame(grown, manifest)).toBe(false);
});
