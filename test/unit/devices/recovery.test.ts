import { chmodSync, existsSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { recoverDeadRuns } from "../../../src/devices/recovery.ts";
import { temporaryDirectory, testHost, type TestHost } from "../../fixtures/test-host.ts";

/** A host on which a run was killed that had recorded the tree at `path`. */
function hostWithDeadTree(path: string): TestHost {
  const host = testHost();
  const owner = { pid: 999_999_999, startTime: "1" };
  mkdirSync(join(host.runDir, "journal"), { recursive: true });
  const lines = [{ owner }, { id: 0, entry: { kind: "tree", path } }];
  writeFileSync(
    join(host.runDir, "journal/999999999-1.jsonl"),
    lines.map((line) => `${JSON.stringify(line)}\n`).join(""),
  );
  return host;
}

test("a recorded tree is removed", async () => {
  const path = join(temporaryDirectory(), "scratch/cache-a-amd64");
  mkdirSync(join(path, "tree"), { recursive: true });
  expect((await recoverDeadRuns(hostWithDeadTree(path))).released).toEqual([`directory tree ${path}`]);
  expect(existsSync(path)).toBe(false);
});

test.each(["scratch", "scratch/cache-a-amd64"])(
  "nothing is removed over a link in place of %s, and the link is named",
  async (name) => {
    const [cacheDir, victim] = [temporaryDirectory(), temporaryDirectory()];
    const path = join(cacheDir, "scratch/cache-a-amd64");
    mkdirSync(join(victim, "cache-a-amd64"));
    if (name !== "scratch") mkdirSync(join(cacheDir, "scratch"));
    symlinkSync(name === "scratch" ? victim : join(victim, "cache-a-amd64"), join(cacheDir, name));
    const { kept } = await recoverDeadRuns(hostWithDeadTree(path));
    expect(kept).toMatchObject([
      { reason: expect.stringMatching(/reached over a symbolic link|is not the directory/) as unknown },
    ]);
    expect(existsSync(join(victim, "cache-a-amd64"))).toBe(true);
  },
);

test("nothing is removed in a directory that others may write to, but where each may only remove what is his", async () => {
  const parent = temporaryDirectory();
  const path = join(parent, "cache-a-amd64");
  mkdirSync(path);
  chmodSync(parent, 0o777);
  const host = hostWithDeadTree(path);
  expect((await recoverDeadRuns(host)).kept).toMatchObject([
    { reason: expect.stringContaining("can be changed by others than root") as unknown },
  ]);
  expect(existsSync(path)).toBe(true);
  chmodSync(parent, 0o1777);
  expect((await recoverDeadRuns(host)).released).toHaveLength(1);
  expect(existsSync(path)).toBe(false);
});
