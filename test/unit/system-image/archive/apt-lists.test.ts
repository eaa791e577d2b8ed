import { mkdirSync, readdirSync, readFileSync, readlinkSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { expect, test } from "vitest";
import { installLists, packLists } from "../../../../src/system-image/archive/apt-lists.ts";
import { temporaryDirectory } from "../../../fixtures/test-host.ts";

const index = "Package: vim\n\n".repeat(1000);

test("a system gets the archive's indices instead of a local mirror's, the large ones compressed", async () => {
  const directory = temporaryDirectory();
  const [lists, tree] = [join(directory, "lists"), join(directory, "tree")];
  const target = join(tree, "var/lib/apt/lists");
  for (const path of [join(lists, "partial"), join(target, "partial")]) mkdirSync(path, { recursive: true });
  writeFileSync(join(lists, "mirror.example.com_debian_dists_trixie_InRelease"), "signed", { mode: 0o600 });
  writeFileSync(join(lists, "mirror.example.com_debian_dists_trixie_main_binary-amd64_Packages"), index);
  writeFileSync(join(lists, "lock"), "");
  writeFileSync(join(target, "_scratch_mirror_dists_trixie_Release"), "local");

  await packLists(lists, join(directory, "packed"));
  await installLists(join(directory, "packed"), tree);

  expect(readdirSync(target).sort()).toEqual([
    "mirror.example.com_debian_dists_trixie_InRelease",
    "mirror.example.com_debian_dists_trixie_main_binary-amd64_Packages.gz",
    "partial",
  ]);
  const packages = join(target, "mirror.example.com_debian_dists_trixie_main_binary-amd64_Packages.gz");
  expect(gunzipSync(readFileSync(packages)).toString()).toBe(index);
  expect(statSync(packages).mode & 0o777).toBe(0o644);
  expect(statSync(join(target, "mirror.example.com_debian_dists_trixie_InRelease")).mode & 0o777).toBe(0o644);
});

test("when one index cannot be packed, no other is open any more when that is told", async () => {
  const directory = temporaryDirectory();
  const lists = join(directory, "lists");
  mkdirSync(join(lists, "directory_Packages"), { recursive: true });
  writeFileSync(join(lists, "large_Packages"), Buffer.alloc(30_000_000, index));
  await expect(packLists(lists, join(directory, "packed"))).rejects.toThrow("EISDIR");
  const open = readdirSync("/proc/self/fd").flatMap((fd) => {
    try {
      return [readlinkSync(`/proc/self/fd/${fd}`)];
    } catch {
      return [];
    }
  });
  expect(open.filter((path) => path.startsWith(directory))).toEqual([]);
  expect(gunzipSync(readFileSync(join(directory, "packed/large_Packages.gz")))).toHaveLength(30_000_000);
});
