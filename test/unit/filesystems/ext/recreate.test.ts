import { expect, test } from "vitest";
import { parseExt } from "../../../../src/filesystems/ext/facts.ts";
import { extFamily } from "../../../../src/filesystems/ext.ts";
import type { Room } from "../../../../src/filesystems/family.ts";
import { fakeCommands, testHost } from "../../../fixtures/test-host.ts";
import { superblock } from "./superblock.ts";

const { facts } = parseExt(superblock, "ext3");
const room = { bytes: 0, inodes: 10, deviceBytes: 128 * 1024 ** 2 };

async function recreated(changed: Partial<Room> = {}): Promise<readonly string[]> {
  const fakes = fakeCommands({ mke2fs: "", tune2fs: "" });
  expect(await extFamily.recreate(testHost({ path: fakes.path }), "/dev/x", facts, { ...room, ...changed })).toBe(
    facts.uuid,
  );
  return fakes.calls();
}

test("ext is made again with exactly the features it had, and then tuned", async () => {
  expect(await recreated()).toEqual([
    "mke2fs -t ext3 -q -F -b 1024 -I 256 -N 32768 -O none,has_journal,ext_attr,dir_index,extent -m 5.00 -U badecd11-c016-4e37-81cf-3caa4c53824e -L my root /dev/x",
    "tune2fs -c -1 -i 0 -e remount-ro -E hash_alg=half_md4 -o user_xattr,acl /dev/x",
  ]);
});

test("there are inodes for all files, and on a device that is not small the blocks mke2fs chooses", async () => {
  expect((await recreated({ inodes: 100_000 }))[0]).toContain("-N 105064 ");
  const [grown] = await recreated({ deviceBytes: 8 * 1024 ** 3 });
  expect(grown).not.toContain("-b");
  expect(grown).toContain(`-N ${String((8 * 1024 ** 3) / 16384)} `);
});
