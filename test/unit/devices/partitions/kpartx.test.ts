import { existsSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { blockDeviceNumber } from "../../../../src/devices/kernel/block-device.ts";
import {
  mapWithKpartx,
  parentUuid,
  parseLinearMaps,
  unmapPartitions,
} from "../../../../src/devices/partitions/kpartx.ts";
import { chooseMapper } from "../../../../src/devices/partitions/map.ts";
import { flattenSuppressed, messageOf } from "../../../../src/host/errors.ts";
import { fakeCommands, temporaryDirectory, testHost } from "../../../fixtures/test-host.ts";

// Any block device: the fakes say what is on it.
const disk = readdirSync("/sys/class/block")
  .map((name) => `/dev/${name}`)
  .find((path) => existsSync(path) && blockDeviceNumber(path) !== undefined);

/** A pretended device-mapper: kpartx makes two maps with `delimiter`, which dmsetup shows and removes. */
function pretendDeviceMapper(
  options: { readonly delimiter?: string; readonly stuck?: boolean; readonly failing?: boolean } = {},
) {
  const { delimiter = "-part", stuck = false, failing = false } = options;
  const number = blockDeviceNumber(disk ?? "") ?? "";
  const state = join(temporaryDirectory(), "maps");
  writeFileSync(state, "");
  const name = `dev${delimiter}`;
  const make = `echo '${name}1: 0 2048 linear ${number} 2048' >>${state}; echo '${name}3: 0 8192 linear ${number} 4096' >>${state}`;
  return fakeCommands({
    blockdev: "",
    kpartx: failing ? `${make}; echo 'it broke' >&2; exit 1` : make,
    dmsetup: `
      case $1 in
        table) cat ${state}; echo 'other: 0 2048 linear 999:1 2048'; echo 'vg-lv: 0 99 linear ${number} 0';;
        info) sed 's/:.*/ part1-devnode_1:2_xyz/' ${state}; echo 'other part1-xyz'; echo 'vg-lv LVM-abc';;
        remove) ${stuck ? "exit 1" : `sed -i "/^$2:/d" ${state}`};;
      esac`,
  });
}

describe.skipIf(disk === undefined)("kpartx (needs any block device node)", () => {
  const target = { device: disk ?? "", readOnly: false };
  const extent = { offset: 4096 * 512, sizeLimit: 8192 * 512 };

  for (const delimiter of ["p", "-", "-part"]) {
    test(`finds the partition by start and size where kpartx delimits by ${delimiter}`, async () => {
      const fakes = pretendDeviceMapper({ delimiter });
      const host = testHost({ path: fakes.path });
      const map = await mapWithKpartx(host, target, extent);
      expect(map.device).toBe(`/dev/mapper/dev${delimiter}3`);
      await map[Symbol.asyncDispose]();
      const calls = fakes.calls().filter((call) => !/^dmsetup (table|info)/.test(call));
      expect(calls).toEqual([
        `blockdev --flushbufs ${target.device}`,
        `kpartx -a -s ${target.device}`,
        `dmsetup remove dev${delimiter}1`,
        `dmsetup remove dev${delimiter}3`,
      ]);
    });
  }

  test("a read-only disk is mapped read-only", async () => {
    const fakes = pretendDeviceMapper();
    const host = testHost({ path: fakes.path });
    await using _ = await mapWithKpartx(host, { ...target, readOnly: true }, extent);
    expect(fakes.calls()[0]).toBe(`kpartx -a -s -r ${target.device}`);
  });

  test("maps made by a kpartx that fails are removed, and its error is the one shown first", async () => {
    const fakes = pretendDeviceMapper({ failing: true });
    const host = testHost({ path: fakes.path });
    const errors = await mapWithKpartx(host, target, extent).then(() => [], flattenSuppressed);
    expect(errors.map(messageOf).join()).toMatch(/kpartx[\s\S]*it broke/);
    expect(fakes.calls().filter((call) => call.startsWith("dmsetup remove"))).toHaveLength(2);
  });

  test("a partition that kpartx did not map is an error naming those it did, and they are removed", async () => {
    const fakes = pretendDeviceMapper();
    const host = testHost({ path: fakes.path });
    await expect(mapWithKpartx(host, target, { offset: 512, sizeLimit: 512 })).rejects.toThrow(
      /made: dev-part1 at 2048 of 2048 sectors, dev-part3/,
    );
    expect(await unmapPartitions(host, target.device)).toBe(false);
  });

  test("a map that stays is an error that names it", async () => {
    const fakes = pretendDeviceMapper({ stuck: true });
    const host = testHost({ path: fakes.path });
    await mapWithKpartx(host, target, extent);
    await expect(unmapPartitions(host, target.device, 0.05)).rejects.toThrow(
      /partition map dev-part1 on .* is still held/,
    );
  });
});

describe.skipIf(disk === undefined)(
  "a map that a killed kpartx left without a table (needs any block device node)",
  () => {
    const number = blockDeviceNumber(disk ?? "") ?? "";

    /** A pretended device-mapper with maps that have no table, by their UUIDs. */
    const halfMade = (uuids: Readonly<Record<string, string>>) => {
      const state = join(temporaryDirectory(), "maps");
      writeFileSync(
        state,
        Object.entries(uuids)
          .flatMap((words) => [words.join(" "), "\n"])
          .join(""),
      );
      return fakeCommands({
        dmsetup: `
        case $1 in
          table) sed 's/ .*/: /' ${state};;
          info) cat ${state};;
          remove) sed -i "/^$2 /d" ${state};;
        esac`,
      });
    };

    test("is removed when its UUID names the disk", async () => {
      const fakes = halfMade({
        ours: `part1-devnode_${number}_Wh5pYvM`,
        "of-another-disk": "part1-devnode_999:1_Wh5pYvM",
        "of-another-map": "part1-LVM-abc",
        "not-of-kpartx": `devnode_${number}_Wh5pYvM`,
      });
      expect(await unmapPartitions(testHost({ path: fakes.path }), disk ?? "")).toBe(true);
      expect(fakes.calls().filter((call) => call.startsWith("dmsetup remove"))).toEqual(["dmsetup remove ours"]);
    });

    test("of another disk is none of ours", async () => {
      const fakes = halfMade({ "of-another-disk": "part1-devnode_999:1_Wh5pYvM" });
      expect(await unmapPartitions(testHost({ path: fakes.path }), disk ?? "")).toBe(false);
    });
  },
);

test("the parent in a map's UUID is the logical volume, or the number of a device that is none", () => {
  expect(parentUuid("253:4", "LVM-abc")).toBe("LVM-abc");
  expect(parentUuid("8:16", undefined)).toBe("devnode_8:16_Wh5pYvM");
  expect(parentUuid("253:4", "")).toBe("devnode_253:4_Wh5pYvM");
});

test("only linear maps of one segment count", () => {
  const table = [
    "a: 0 10 linear 8:0 5",
    "b: 0 10 striped 2 8:0 5",
    "c: 10 10 linear 8:0 5",
    "No devices found",
    "d e: 0 1 linear 8:0 1",
  ].join("\n");
  expect(parseLinearMaps(table)).toEqual([{ name: "a", on: "8:0", start: 5, sectors: 10 }]);
});

describe("the choice of a mapper", () => {
  const control = "/dev/null";

  test("is kpartx where it is installed and device-mapper answers", async () => {
    const host = testHost({ path: fakeCommands({ kpartx: "" }).path });
    expect(await chooseMapper(host, "auto", control)).toBe("kpartx");
    expect(await chooseMapper(host, "kpartx", control)).toBe("kpartx");
    expect(await chooseMapper(host, "loop", control)).toBe("loop");
  });

  test("is a loop device where either is missing", async () => {
    expect(
      await chooseMapper(testHost({ path: fakeCommands({ kpartx: "" }).path }), "auto", "/nonexistent/control"),
    ).toBe("loop");
    expect(await chooseMapper(testHost({ path: temporaryDirectory() }), "auto", control)).toBe("loop");
  });

  test("is an error where kpartx is asked for and cannot work", async () => {
    const host = testHost({ path: fakeCommands({ kpartx: "" }).path });
    await expect(chooseMapper(host, "kpartx", "/nonexistent/control")).rejects.toThrow(
      /PARTITION_MAPPER=kpartx cannot work here: the kernel has no device-mapper/,
    );
    await expect(chooseMapper(testHost({ path: temporaryDirectory() }), "kpartx", control)).rejects.toThrow(
      /kpartx is not installed/,
    );
  });
});
