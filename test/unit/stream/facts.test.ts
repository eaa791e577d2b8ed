import { describe, expect, it } from "vitest";
import { parseBtrfs } from "../../../src/filesystems/btrfs.ts";
import { parseExt } from "../../../src/filesystems/ext.ts";
import { parseDeviceTree, parseDumpe2fs, parseXfsFreeSpace } from "../../../src/stream/export/free-space.ts";
import { btrfsArguments, extArguments, xfsArguments } from "../../../src/filesystems/recreate.ts";
import { parseXfs } from "../../../src/filesystems/xfs.ts";

const ext = `Filesystem volume name:   my root
Filesystem UUID:          badecd11-c016-4e37-81cf-3caa4c53824e
Filesystem features:      has_journal ext_attr dir_index needs_recovery extent orphan_present
Default mount options:    user_xattr acl
Filesystem state:         clean
Errors behavior:          Remount read-only
Inode count:              16384
Block count:              65536
Reserved block count:     3276
Block size:               1024
Inode size:	          256
Default directory hash:   half_md4
Total journal blocks:     4096
`;

const xfs = `meta-data=x                      isize=512    agcount=4, agsize=32768 blks
         =                       sectsz=512   attr=2, projid32bit=1
         =                       crc=1        finobt=1, sparse=1, rmapbt=0
         =                       reflink=1    bigtime=1 inobtcount=1 nrext64=0
data     =                       bsize=4096   blocks=131072, imaxpct=25
naming   =version 2              bsize=8192   ascii-ci=0, ftype=1
log      =internal log           bsize=4096   blocks=16384, version=2
realtime =none                   extsz=4096   blocks=0, rtextents=0
uuid = 0f0f0f0f-1111-4222-8333-444444444444
fname = "data\\000\\000\\000"
qflags = 0
`;

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

describe("what a filesystem says of itself", () => {
  it("is read from dumpe2fs", () => {
    const { facts, isDirty, obstacle, isDamaged } = parseExt(ext, "ext4");
    expect({ isDirty, obstacle, isDamaged }).toEqual({ isDirty: true, obstacle: undefined, isDamaged: false });
    expect(facts).toMatchObject({
      uuid: "badecd11-c016-4e37-81cf-3caa4c53824e",
      label: "my root",
      blockSize: 1024,
      inodeSize: 256,
      features: ["has_journal", "ext_attr", "dir_index", "extent"],
      mountOptions: ["user_xattr", "acl"],
      errorsBehavior: "remount-ro",
      hashAlgorithm: "half_md4",
    });
  });

  it.each([["encrypt"], ["verity"], ["casefold"], ["quota"]])("names %s as what a tar cannot carry", (feature) => {
    expect(parseExt(ext.replace("dir_index", feature), "ext4").obstacle).toBeDefined();
  });

  it("says when ext knows of errors", () => {
    expect(parseExt(ext.replace("clean", "clean with errors"), "ext4").isDamaged).toBe(true);
  });

  it("is read from xfs_db and xfs_logprint", () => {
    const { facts, isDirty } = parseXfs(xfs, "log tail: 2 head: 2 state: <CLEAN>");
    expect(isDirty).toBe(false);
    expect(facts).toMatchObject({ label: "data", blockSize: 4096, directoryBlockSize: 8192, inodeSize: 512 });
    expect(parseXfs(xfs, "state: <DIRTY>").isDirty).toBe(true);
    expect(parseXfs(xfs.replace("qflags = 0", "qflags = 0x7"), "").obstacle).toBe("disk quotas");
    expect(parseXfs(xfs.replace("=internal log", "=external   "), "").obstacle).toMatch(/log/);
  });

  it("is read from btrfs inspect-internal dump-super", () => {
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
});

describe("the mkfs that makes it again", () => {
  it("is told exactly the features of ext, no others", () => {
    const { facts } = parseExt(ext, "ext3");
    if (facts.type !== "ext3") throw new Error("not ext3");
    const room = { bytes: 0, inodes: 10, deviceBytes: 128 * 1024 ** 2 };
    expect(extArguments(facts, room).join(" ")).toBe(
      "-t ext3 -b 1024 -I 256 -N 32768 -O none,has_journal,ext_attr,dir_index,extent -m 5.00 -U badecd11-c016-4e37-81cf-3caa4c53824e -L my root",
    );
    expect(extArguments(facts, { ...room, inodes: 100_000 })).toContain("105064");
    const grown = extArguments(facts, { ...room, deviceBytes: 8 * 1024 ** 3 });
    expect(grown).not.toContain("-b");
    expect(grown).toContain(String((8 * 1024 ** 3) / 16384));
  });

  it("is told those of xfs", () => {
    const { facts } = parseXfs(xfs, "");
    if (facts.type !== "xfs") throw new Error("not xfs");
    expect(xfsArguments(facts).join(" ")).toBe(
      "-b size=4096 -s size=512 -i size=512 -n size=8192 -m crc=1 -m finobt=1 -m rmapbt=0 -m reflink=1 -m bigtime=1 -m inobtcount=1 -i sparse=1 -i nrext64=0 -m uuid=0f0f0f0f-1111-4222-8333-444444444444 -L data",
    );
  });

  it("is told those of btrfs, under the option that this version has", () => {
    const { facts } = parseBtrfs(btrfs);
    if (facts.type !== "btrfs") throw new Error("not btrfs");
    const old = "extref  - x\nskinny-metadata  - x\nno-holes  - x\n";
    expect(btrfsArguments(facts, old).join(" ")).toBe(
      "--nodesize 16384 --sectorsize 4096 --checksum xxhash64 -m dup -d single -O extref,no-holes,^skinny-metadata -R free-space-tree -L my label",
    );
    const recent = `${old}free-space-tree  - x\nblock-group-tree  - x\n`;
    expect(btrfsArguments(facts, recent).join(" ")).toContain(
      "-O extref,no-holes,free-space-tree,^skinny-metadata,^block-group-tree -L",
    );
  });
});

describe("free space", () => {
  it("is read from dumpe2fs in blocks", () => {
    expect(parseDumpe2fs("Block size:               1024\n  Free blocks: 5-6, 9\n  Free inodes: 1-2\n")).toEqual([
      { start: 5120, end: 7168 },
      { start: 9216, end: 10240 },
    ]);
  });

  it("is read from xfs_db, without its histogram", () => {
    const text =
      "blocksize = 4096\nagblocks = 100\n agno agbno len\n 0 6 2\n 1 10 1\n   from      to extents  blocks    pct\n  1 1 1 1 0.0\n";
    expect(parseXfsFreeSpace(text)).toEqual([
      { start: 24576, end: 32768 },
      { start: 450560, end: 454656 },
    ]);
  });

  it("is what btrfs has not given to chunks, its superblocks excepted", () => {
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
});
