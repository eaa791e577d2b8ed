import { expect, test } from "vitest";
import { btrfsFamily, parseBtrfs, parseDeviceTree } from "../../../src/filesystems/btrfs.ts";
import { fakeCommands, testHost } from "../../fixtures/test-host.ts";

const btrfs = `csum_type\t\t1 (xxhash64)
fsid\t\t\t27903825-af26-4795-a327-ee387be90174
label\t\t\tmy label
log_root\t\t0
sectorsize\t\t4096
nodesize\t\t16384
num_devices\t\t1
compat_ro_flags\t\t0x3
\t\t\t( FREE_SPACE_TREE |
\t\t\t  FREE_SPACE_TREE_VALID )
incompat_flags\t\t0x341
\t\t\t( MIXED_BACKREF |
\t\t\t  EXTENDED_IREF |
\t\t\t  NO_HOLES )
sys_chunk_array[2048]:
\titem 0 key (FIRST_CHUNK_TREE CHUNK_ITEM 22020096)
\t\tlength 8388608 owner 2 stripe_len 65536 type SYSTEM|DUP
`;

test("facts are read from btrfs inspect-internal dump-super", () => {
  const { facts, isDirty, obstacle } = parseBtrfs(btrfs);
  expect({ isDirty, obstacle }).toEqual({ isDirty: false, obstacle: undefined });
  expect(facts).toMatchObject({
    label: "my label",
    checksum: "xxhash64",
    metadataProfile: "dup",
    features: ["extref", "no-holes", "free-space-tree"],
  });
  expect(parseBtrfs(btrfs.replace("num_devices\t\t1", "num_devices\t\t2")).obstacle).toBe("further devices");
  expect(parseBtrfs(btrfs.replace("log_root\t\t0", "log_root\t\t30588928")).isDirty).toBe(true);
});

const older = ["extref  - x", "skinny-metadata  - x", "no-holes  - x"];

test.each([
  ["older", older, "-O extref,no-holes,^skinny-metadata -R free-space-tree"],
  [
    "recent",
    [...older, "free-space-tree  - x", "block-group-tree  - x"],
    "-O extref,no-holes,free-space-tree,^skinny-metadata,^block-group-tree",
  ],
])(
  "btrfs is made again with its features under the options of an %s mkfs, and another UUID",
  async (_, known, options) => {
    const list = known.map((line) => `echo "${line}" >&2`).join("; ");
    const fakes = fakeCommands({ "mkfs.btrfs": `[ "$2" != list-all ] || { ${list}; }` });
    const { facts } = parseBtrfs(btrfs);
    const room = { bytes: 0, inodes: 0, deviceBytes: 0 };
    const uuid = await btrfsFamily.recreate(testHost({ path: fakes.path }), "/dev/x", facts, room);
    expect(uuid).not.toBe(facts.uuid);
    expect(fakes.calls()).toEqual([
      "mkfs.btrfs -O list-all",
      `mkfs.btrfs -q -f --nodesize 16384 --sectorsize 4096 --checksum xxhash64 -m dup -d single ${options} -U ${uuid} -L my label /dev/x`,
    ]);
  },
);

test("free space is what btrfs has not given to chunks, its superblocks excepted", () => {
  const item = (start: number, length: number): string =>
    `\titem 0 key (1 DEV_EXTENT ${String(start)}) itemoff 1 itemsize 48\n\t\tdev extent chunk_tree 3\n\t\tchunk_objectid 256 chunk_offset 5 length ${String(length)}\n`;
  const mib = 1024 ** 2;
  expect(parseDeviceTree(item(2 * mib, mib) + item(4 * mib, mib), 65 * mib)).toEqual([
    { start: mib, end: 2 * mib },
    { start: 3 * mib, end: 4 * mib },
    { start: 5 * mib, end: 64 * mib },
    { start: 64 * mib + 4096, end: 65 * mib },
  ]);
  expect(parseDeviceTree("no items", 65 * mib)).toEqual([]);
});
