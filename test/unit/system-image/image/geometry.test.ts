import { expect, test } from "vitest";
import { type DeviceFacts, parseDryRun, planFilesystem } from "../../../../src/system-image/image/geometry.ts";
import { fakeCommands, testHost } from "../../../fixtures/test-host.ts";

const words = (blocks: number, blockSize: number, inodes: number, stride = 0, width = 0): string => `mke2fs 1.47.0
fs_types for mke2fs.conf resolution: 'ext4'
Filesystem label=
OS type: Linux
Block size=${String(blockSize)} (log=2)
Fragment size=${String(blockSize)} (log=2)
Stride=${String(stride)} blocks, Stripe width=${String(width)} blocks
${String(inodes)} inodes, ${String(blocks)} blocks
26214 blocks (5.00%) reserved for the super user`;

test("what mke2fs would make is read from what it says of a dry run", () => {
  expect(parseDryRun(words(524288, 4096, 131072, 16, 64))).toEqual({
    blocks: 524288,
    blockSize: 4096,
    inodes: 131072,
    stride: 16,
    stripeWidth: 64,
  });
  expect(parseDryRun("mke2fs: Device size reported to be zero.")).toBeUndefined();
});

const device: DeviceFacts = {
  device: "/dev/nbd99",
  sizeBytes: 2 * 2 ** 30 + 512,
  minimumIoBytes: 4096,
  optimalIoBytes: 0,
};

async function plan(said: string, facts: Partial<DeviceFacts> = {}, filesystem: "ext4" | "xfs" = "ext4", version = "") {
  const setpriv = 'while [ "$1" != -- ]; do shift; done; shift; exec "$@"';
  const fake = fakeCommands({ mke2fs: `cat <<'END'\n${said}\nEND\necho '${version}' >&2`, setpriv });
  const host = testHost({ path: fake.path });
  const found = await planFilesystem(
    host,
    { type: filesystem, suite: "trixie", bootloader: "none" },
    { ...device, ...facts },
  );
  const isCommand = (call: string): boolean => call.startsWith("mke2fs");
  return { found, calls: fake.calls().filter(isCommand) };
}

test("a device that tells nothing but its size is not touched by the dry run", async () => {
  const { found, calls } = await plan(words(524288, 4096, 131072));
  expect(found).toMatchObject({ geometry: { type: "ext4", inodeRatio: 16384 }, tuning: [] });
  expect(calls).toEqual([expect.stringMatching(/^mke2fs -n -v -F -t ext4 .*\/dev\/null 2097152k$/)]);
});

test("another version of mke2fs makes another geometry", async () => {
  const geometries = [];
  for (const version of ["1.47.0 (5-Feb-2023)", "1.47.2 (1-Jan-2025)", "1.47.2 (1-Jan-2025)"]) {
    const { found } = await plan(words(524288, 4096, 131072), {}, "ext4", `mke2fs ${version}`);
    geometries.push(found?.geometry);
  }
  expect(geometries[0]).not.toEqual(geometries[1]);
  expect(geometries[1]).toEqual(geometries[2]);
});

test.each([{ minimumIoBytes: 65536 }, { optimalIoBytes: 262144 }])(
  "of a device that tells of a RAID (%j) mke2fs is asked itself",
  async (facts) => {
    const { found, calls } = await plan(words(524288, 4096, 131072, 16, 64), facts);
    expect(found?.tuning).toEqual(["-E", "stride=16,stripe_width=64"]);
    expect(calls).toEqual([expect.stringMatching(/ \/dev\/nbd99$/)]);
  },
);

test("small blocks, few inodes between two powers of two, and other filesystems have no image", async () => {
  expect((await plan(words(102400, 1024, 25584))).found).toBeUndefined();
  expect((await plan(words(524288, 4096, 100000))).found).toBeUndefined();
  expect(await plan(words(524288, 4096, 131072), {}, "xfs")).toMatchObject({ found: undefined, calls: [] });
});
