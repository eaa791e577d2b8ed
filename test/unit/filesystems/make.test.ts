import { expect, test } from "vitest";
import { makeFilesystem } from "../../../src/filesystems/make.ts";
import { makeSwap } from "../../../src/filesystems/swap.ts";
import { fakeCommands, testHost } from "../../fixtures/test-host.ts";

const uuid = "0f0f0f0f-1111-4222-8333-444444444444";

test.each([
  ["ext2", "buster", {}, `mke2fs -t ext2 -q -F -O ^orphan_file,^metadata_csum_seed -U ${uuid} /dev/x`],
  ["ext4", "trixie", { label: "root" }, `mke2fs -t ext4 -q -F -U ${uuid} -L root /dev/x`],
  ["ext4", "trixie", { discard: false }, `mke2fs -t ext4 -q -F -E nodiscard -U ${uuid} /dev/x`],
  ["ext4", "trixie", { extra: ["-b", "4096"], label: "" }, `mke2fs -t ext4 -q -F -b 4096 -U ${uuid} /dev/x`],
  ["xfs", "noble", { discard: false }, `mkfs.xfs -q -f -K -n parent=0 -i exchange=0 -m uuid=${uuid} /dev/x`],
  ["btrfs", "trixie", { label: "r" }, `mkfs.btrfs -q -f -U ${uuid} -L r /dev/x`],
] as const)("%s for %s is made by one command", async (type, suite, options, expected) => {
  const fakes = fakeCommands({ mke2fs: "", "mkfs.xfs": "", "mkfs.btrfs": "" });
  const made = await makeFilesystem(testHost({ path: fakes.path }), "/dev/x", { type, suite, uuid, ...options });
  expect(fakes.calls()).toEqual([expected]);
  expect(made).toMatchObject({ type, uuid });
});

test("features that mke2fs does not know are left out, the newest first", async () => {
  const mke2fs = `case "$*" in *orphan_file*|*csum_seed*) echo "Invalid filesystem option set: ^orphan_file,..." >&2; exit 1;; esac`;
  const fakes = fakeCommands({ mke2fs: mke2fs.replace(",...", ",^metadata_csum_seed,^metadata_csum,^64bit") });
  await makeFilesystem(testHost({ path: fakes.path }), "/dev/x", { type: "ext4", suite: "jessie", uuid });
  expect(fakes.calls().map((call) => call.split(" ")[6])).toEqual([
    "^orphan_file,^metadata_csum_seed,^metadata_csum,^64bit",
    "^metadata_csum_seed,^metadata_csum,^64bit",
    "^metadata_csum,^64bit",
  ]);
});

test("options that mkfs.xfs does not list are left out", async () => {
  const mkfs = `
    if [ $# -eq 0 ]; then echo "no device name given" >&2; echo "[-m crc=0|1,bigtime=0|1] [-i nrext64=0|1]" >&2; exit 1; fi
    case "$*" in *exchange*) echo "unknown option -i exchange=0" >&2; exit 1;; esac`;
  const fakes = fakeCommands({ "mkfs.xfs": mkfs });
  await makeFilesystem(testHost({ path: fakes.path }), "/dev/x", { type: "xfs", suite: "bookworm", uuid });
  expect(fakes.calls()).toEqual([
    `mkfs.xfs -q -f -n parent=0 -i exchange=0,nrext64=0 -m uuid=${uuid} /dev/x`,
    "mkfs.xfs",
    `mkfs.xfs -q -f -i nrext64=0 -m uuid=${uuid} /dev/x`,
  ]);
});

test("mkfs.btrfs is told in its older way, and of what it does not know not at all", async () => {
  const mkfs = `
    case "$*" in
      *-O*block-group*) echo "ERROR: unrecognized filesystem feature '^block-group-tree'" >&2; exit 1;;
      *-O*free-space*) echo "ERROR: unrecognized filesystem feature '^free-space-tree'" >&2; exit 1;;
      *-R*block-group*) echo "ERROR: unrecognized runtime feature '^block-group-tree'" >&2; exit 1;;
    esac`;
  const fakes = fakeCommands({ "mkfs.btrfs": mkfs });
  await makeFilesystem(testHost({ path: fakes.path }), "/dev/x", { type: "btrfs", suite: "jessie", uuid });
  expect(fakes.calls().at(-1)).toBe(
    `mkfs.btrfs -q -f -R ^free-space-tree -O ^no-holes,^skinny-metadata -U ${uuid} /dev/x`,
  );
});

test.each(["ext4", "xfs", "btrfs"] as const)("another failure of mkfs for %s is the error", async (type) => {
  const failing = `[ $# -gt 0 ] || { echo "parent= exchange= nrext64= bigtime=" >&2; exit 1; }; echo "device too small" >&2; exit 1`;
  const fakes = fakeCommands({ mke2fs: failing, "mkfs.xfs": failing, "mkfs.btrfs": failing });
  const host = testHost({ path: fakes.path });
  await expect(makeFilesystem(host, "/dev/x", { type, suite: "bookworm" })).rejects.toThrow(/device too small/);
});

test("a random UUID is made where none is given", async () => {
  const fakes = fakeCommands({ mke2fs: "", mkswap: "" });
  const host = testHost({ path: fakes.path });
  const [first, second] = [
    await makeFilesystem(host, "/dev/x", { type: "ext4", suite: "trixie" }),
    await makeFilesystem(host, "/dev/x", { type: "ext4", suite: "trixie" }),
  ];
  expect(first.uuid).not.toBe(second.uuid);
  const swap = await makeSwap(host, "/dev/y", { label: "s w" });
  expect(fakes.calls()[2]).toBe(`mkswap --force --uuid ${swap.uuid} --label s w /dev/y`);
});
