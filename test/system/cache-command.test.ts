import {
  chmodSync,
  closeSync,
  openSync,
  readdirSync,
  readSync,
  statSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { architecture } from "../fixtures/bootstrapped-cache.ts";
import { installOs, type ScriptResult } from "../fixtures/installed-os.ts";
import { sh } from "../fixtures/loop-disk.ts";

const os = installOs();
const plain = `cache-trixie-${architecture()}`;
const day = 24 * 60 * 60;

interface Made {
  readonly name: string;
  readonly outcome: string;
}

interface Listed {
  readonly name: string;
  readonly state: string;
  readonly origin: string;
  readonly packages: number;
  readonly images: readonly { readonly path: string }[];
}

/** The installed command, as an administrator calls it, with --json: its answer. */
async function cache(verb: string, ...args: readonly string[]): Promise<{ result: ScriptResult; answer: unknown }> {
  const result = await os.run("../../usr/sbin/ganeti-instance-debootstrap", {
    args: ["cache", verb, ...args, "--json"],
  });
  return { result, answer: JSON.parse(result.stdout.toString()) as unknown };
}

async function text(verb: string, ...args: readonly string[]): Promise<string> {
  const { stdout, stderr, status } = await os.run("../../usr/sbin/ganeti-instance-debootstrap", {
    args: ["cache", verb, ...args],
  });
  expect(status, stderr).toBe(0);
  return stdout.toString();
}

function age(path: string, days: number): void {
  const then = Date.now() / 1000 - days * day;
  utimesSync(path, then, then);
}

// One story: each verb works on what the one before it left.
test("the cache command builds, lists, refreshes, verifies and prunes, in words and in JSON", async () => {
  os.settings("SUITE=trixie\nCLEAN_CACHE=14\n");
  writeFileSync(join(os.variantsDir, "tree.conf"), "EXTRA_PKGS=tree\n");
  expect(await text("list")).toBe("nothing is cached\n");

  const { answer: built } = await cache("build");
  expect(built).toEqual([{ name: plain, outcome: "built" }]);
  const { result, answer: variant } = await cache("build", "tree");
  const hashed = (variant as readonly Made[])[0]?.name ?? "";
  expect(variant).toEqual([{ variant: "tree", name: hashed, outcome: "built" }]);
  expect(hashed).toMatch(new RegExp(`^${plain}-[0-9a-f]+$`));
  expect(result.stderr).toMatch(/info: bootstrap trixie \S+ with debootstrap \(\d+\.\d+ s\)/);
  expect(await text("build", "tree")).toBe(`tree: ${hashed} present\n`);

  const listed = (await cache("list")).answer as readonly Listed[];
  expect(listed.map(({ name, state, origin }) => ({ name, state, origin }))).toEqual([
    { name: hashed, state: "valid", origin: "built" },
    { name: plain, state: "valid", origin: "built" },
  ]);
  const [withTree, without] = listed;
  expect((withTree?.packages ?? 0) - (without?.packages ?? 0)).toBe(1);
  expect(without?.images).toHaveLength(1);
  expect(await text("list")).toMatch(/: valid, 0 days old, [\d.]+ MiB\n {2}debootstrap, \d+ packages with tree\n/);

  const tar = join(os.cacheDir, `${plain}.tar`);
  chmodSync(tar, 0o444);
  const refused = await os.run("../../usr/sbin/ganeti-instance-debootstrap", { args: ["cache", "build", "--force"] });
  expect(refused.status).toBe(1);
  expect(refused.stderr).toContain(`${tar} is not writable by its owner: it is kept and not replaced\n`);
  expect(refused.stderr).toContain(`remedy: chmod u+w ${tar}, when it may be replaced\n`);
  chmodSync(tar, 0o644);
  age(tar, 13);
  const { answer: refreshed } = await cache("refresh");
  expect(refreshed).toContainEqual({ name: plain, outcome: "unchanged" });
  expect(refreshed).toContainEqual(expect.objectContaining({ name: hashed, outcome: "fresh" }));
  expect(Date.now() / 1000 - statSync(tar).mtimeMs / 1000).toBeLessThan(day);

  const { result: sound, answer: verified } = await cache("verify");
  expect(sound.status).toBe(0);
  expect((verified as readonly Made[]).map(({ outcome }) => outcome)).toEqual(["whole", "whole", "whole", "whole"]);
  flipByte(join(os.cacheDir, `${hashed}.tar`));
  const { result: damaged, answer: found } = await cache("verify");
  expect(damaged.status).toBe(1);
  expect((found as readonly Made[]).filter(({ outcome }) => outcome === "damaged")).toEqual([
    expect.objectContaining({ path: join(os.cacheDir, `${hashed}.tar`) }),
  ]);
  expect(damaged.stderr).toContain("its bytes changed");

  age(tar, 20);
  const pruned = (await cache("prune")).answer as { readonly expired: unknown; readonly files: readonly string[] };
  expect(pruned.expired).toEqual([plain]);
  expect(pruned.files.join(" ")).toContain(`${hashed}.tar.damaged`);
  expect(readdirSync(os.cacheDir).filter((name) => name.startsWith("cache-"))).toEqual([]);
  expect(await text("prune")).toBe("nothing to remove\n");
});

// Size, time and inode stay.
function flipByte(path: string): void {
  sh('touch -r "$1" "$1.time"', path);
  const file = openSync(path, "r+");
  const byte = Buffer.alloc(1);
  const position = Math.floor(statSync(path).size / 2);
  readSync(file, byte, 0, 1, position);
  writeSync(file, Buffer.from([~(byte[0] ?? 0) & 0xff]), 0, 1, position);
  closeSync(file);
  sh('touch -r "$1.time" "$1"; rm "$1.time"', path);
}
