import { expect, test } from "vitest";
import { parseXfs, parseXfsFreeSpace, xfsFamily } from "../../../src/filesystems/xfs.ts";
import { fakeCommands, testHost } from "../../fixtures/test-host.ts";

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

test("facts are read from xfs_db and xfs_logprint", () => {
  const { facts, isDirty } = parseXfs(xfs, "log tail: 2 head: 2 state: <CLEAN>");
  expect(isDirty).toBe(false);
  expect(facts).toMatchObject({ label: "data", blockSize: 4096, directoryBlockSize: 8192, inodeSize: 512 });
  expect(parseXfs(xfs, "state: <DIRTY>").isDirty).toBe(true);
  expect(parseXfs(xfs.replace("qflags = 0", "qflags = 0x7"), "").obstacle).toBe("disk quotas");
  expect(parseXfs(xfs.replace("=internal log", "=external   "), "").obstacle).toMatch(/log/);
});

test("xfs is made again with exactly the features it had", async () => {
  const fakes = fakeCommands({ "mkfs.xfs": "" });
  const { facts } = parseXfs(xfs, "");
  const room = { bytes: 0, inodes: 0, deviceBytes: 0 };
  expect(await xfsFamily.recreate(testHost({ path: fakes.path }), "/dev/x", facts, room)).toBe(facts.uuid);
  expect(fakes.calls()).toEqual([
    "mkfs.xfs -q -f -b size=4096 -s size=512 -i size=512 -n size=8192 -m crc=1 -m finobt=1 -m rmapbt=0 -m reflink=1 -m bigtime=1 -m inobtcount=1 -i sparse=1 -i nrext64=0 -m uuid=0f0f0f0f-1111-4222-8333-444444444444 -L data /dev/x",
  ]);
});

test("free space is read from xfs_db, without its histogram", () => {
  const text =
    "blocksize = 4096\nagblocks = 100\n agno agbno len\n 0 6 2\n 1 10 1\n   from      to extents  blocks    pct\n  1 1 1 1 0.0\n";
  expect(parseXfsFreeSpace(text)).toEqual([
    { start: 24576, end: 32768 },
    { start: 450560, end: 454656 },
  ]);
});
