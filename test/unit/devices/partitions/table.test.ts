import { expect, test } from "vitest";
import {
  espPartition,
  parseSfdisk,
  type PartitionTable,
  rootPartition,
  sfdiskScript,
} from "../../../../src/devices/partitions/table.ts";
import { partitionTypes } from "../../../../src/devices/partitions/plan.ts";

const root = { number: 1, startSector: 2048, sectors: 4096, type: "83", bootable: true };
const msdos: PartitionTable = { style: "msdos", id: "0x1a2b3c4d", sectorSize: 512, partitions: [root] };

test("a msdos script names sectors, id, type and the bootable flag", () => {
  expect(sfdiskScript(msdos, 1)).toBe(
    [
      "label: dos",
      "label-id: 0x1a2b3c4d",
      "unit: sectors",
      "",
      "1 : start=2048, size=4096, type=83, bootable",
      "",
    ].join("\n"),
  );
});

test("a gpt script names the first usable sector, GUIDs in upper case and names", () => {
  const partition = {
    ...root,
    number: 3,
    type: partitionTypes.linuxData,
    bootable: false,
    uuid: "0f0f0f0f-1111-4222-8333-444444444444",
    name: "root",
  };
  const script = sfdiskScript(
    { ...msdos, style: "gpt", id: "3D757D98-2B51-C643-860E-AFAF490A2B0E", partitions: [partition] },
    34,
  );
  expect(script).toContain(
    "label: gpt\nlabel-id: 3D757D98-2B51-C643-860E-AFAF490A2B0E\nunit: sectors\nfirst-lba: 34\n",
  );
  expect(script).toContain(
    `3 : start=2048, size=4096, type=${partitionTypes.linuxData}, uuid=0F0F0F0F-1111-4222-8333-444444444444, name="root"`,
  );
});

test("a name cannot smuggle a command into the script", () => {
  const name = 'x", bootable\nlabel: dos';
  const script = sfdiskScript(
    { ...msdos, style: "gpt", partitions: [{ ...root, bootable: false, uuid: "0", name }] },
    34,
  );
  expect(script).not.toContain("bootable");
  expect(script).not.toContain("label: dos");
});

function sfdiskOf(label: string, partitions: readonly object[]): string {
  return JSON.stringify({ partitiontable: { label, id: "0xABCD12", unit: "sectors", sectorsize: 4096, partitions } });
}

test.each([
  ["/dev/vda", "/dev/vda3", 3],
  ["/dev/loop1", "/dev/loop1p12", 12],
  ["/dev/mapper/xenvg-disk0", "/dev/mapper/xenvg-disk0-part2", 2],
  ["/dev/disk/by-id/x", "/dev/sdb4", 4],
])("on %s the partition %s has number %i", (device, node, number) => {
  const table = parseSfdisk(sfdiskOf("dos", [{ node, start: 1, size: 2, type: "83", bootable: true }]), device, 512);
  expect(table?.partitions[0]).toEqual({
    number,
    startSector: 1,
    sectors: 2,
    type: "83",
    bootable: true,
    uuid: `00abcd12-${number.toString(16).padStart(2, "0")}`,
  });
  expect(table?.sectorSize).toBe(4096);
});

test("a table of another kind is none of ours", () => {
  expect(parseSfdisk(sfdiskOf("sun", []), "/dev/sda", 512)).toBeUndefined();
});

test("an empty table has no partitions", () => {
  expect(parseSfdisk('{"partitiontable": {"label": "dos", "id": "0x1"}}', "/dev/sda", 512)?.partitions).toEqual([]);
});

const linux = { ...root, type: partitionTypes.linuxData, bootable: false };
const bios = { ...linux, type: partitionTypes.biosBoot };
const esp = { ...linux, type: partitionTypes.esp };

test.each<[string, PartitionTable["style"], PartitionTable["partitions"], number | undefined]>([
  ["the only Linux partition", "msdos", [root], 0],
  ["the only one that does not serve the boot loader", "gpt", [bios, esp, linux], 2],
  ["none of two", "msdos", [root, { ...root, number: 2 }], undefined],
  ["none of another type", "msdos", [{ ...root, type: "8e" }], undefined],
  ["none in an empty table", "gpt", [], undefined],
  ["none of two beside an EFI system partition", "gpt", [esp, linux, linux], undefined],
])("the root is %s", (_, style, partitions, index) => {
  const table = { ...msdos, style, partitions };
  expect(rootPartition(table)).toBe(index === undefined ? undefined : partitions[index]);
});

test("the EFI system partition is found by its type", () => {
  expect(espPartition({ ...msdos, style: "gpt", partitions: [bios, esp, linux] })).toBe(esp);
});
