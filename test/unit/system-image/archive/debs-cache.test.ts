import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { debName, keepDebs, pruneDebs, takeCachedDebs } from "../../../../src/system-image/archive/debs-cache.ts";
import { temporaryDirectory } from "../../../fixtures/test-host.ts";

function deb(name: string, content: string) {
  return {
    name,
    version: "1:2",
    arch: "all",
    depends: [],
    filename: `pool/${name}.deb`,
    size: content.length,
    sha256: createHash("sha256").update(content).digest("hex"),
    paragraph: "",
  };
}

function folder(name: string): string {
  const path = join(temporaryDirectory(), name);
  mkdirSync(path);
  return path;
}

test("only .debs that are what the index says are taken", async () => {
  const [cache, target] = [folder("cache"), folder("target")];
  const [whole, edited, absent] = [deb("whole", "abc"), deb("edited", "abc"), deb("absent", "abc")];
  writeFileSync(join(cache, debName(whole)), "abc");
  writeFileSync(join(cache, debName(edited)), "abd");
  expect(await takeCachedDebs(cache, [whole, edited, absent], target)).toEqual([edited, absent]);
  expect(readdirSync(target)).toEqual(["whole_1%3a2_all.deb"]);
  // So that the next download takes its place.
  expect(readdirSync(cache)).toEqual(["whole_1%3a2_all.deb"]);
});

test("those not used for longest go first when there are too many", async () => {
  const cache = folder("cache");
  for (const [index, name] of ["old", "older", "new"].entries()) {
    writeFileSync(join(cache, `${name}.deb`), Buffer.alloc(700_000));
    const used = new Date(2026, 0, [10, 1, 20][index]);
    utimesSync(join(cache, `${name}.deb`), used, used);
  }
  expect(await pruneDebs(cache, 2)).toEqual(["older.deb"]);
  expect(readdirSync(cache).sort()).toEqual(["new.deb", "old.deb"]);
});

test("a limit of 0 keeps nothing", async () => {
  const [cache, source] = [folder("cache"), folder("source")];
  writeFileSync(join(source, "a.deb"), "abc");
  await keepDebs(cache, source, 100);
  expect(readdirSync(cache)).toEqual(["a.deb"]);
  await keepDebs(cache, source, 0);
  expect(readdirSync(cache)).toEqual([]);
});

test("what is half-written for an hour is nobody's", async () => {
  const cache = folder("cache");
  const longAgo = new Date(Date.now() - 2 * 60 * 60 * 1000);
  for (const name of ["a.deb.17.partial", "b.deb.18.partial"]) writeFileSync(join(cache, name), "x");
  utimesSync(join(cache, "a.deb.17.partial"), longAgo, longAgo);
  expect(await pruneDebs(cache, 2)).toEqual([]);
  expect(readdirSync(cache)).toEqual(["b.deb.18.partial"]);
});

test("any number of processes may keep and remove at once", async () => {
  const cache = folder("cache");
  const sources = Array.from({ length: 8 }, (_, index) => {
    const source = folder("source");
    for (const name of ["x", "y", "z"])
      writeFileSync(join(source, `${name}${String(index % 3)}.deb`), Buffer.alloc(600_000));
    return source;
  });
  for (let round = 0; round < 10; round++) await Promise.all(sources.map((source) => keepDebs(cache, source, 1)));
  // Two may have removed each other's last one.
  expect(readdirSync(cache).length).toBeLessThanOrEqual(1);
  await keepDebs(cache, sources[0]!, 1);
  expect(readdirSync(cache)).toHaveLength(1);
});
