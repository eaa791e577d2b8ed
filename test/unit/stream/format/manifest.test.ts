import { describe, expect, it } from "vitest";
import { decodeManifest, encodeManifest, type Manifest } from "../../../../src/stream/format/manifest.ts";

const partition = { number: 1, start: 2048, sectors: 4096, type: "83", bootable: true, content: "tree" } as const;

const manifest: Manifest = {
  format: "ganeti-instance-debootstrap",
  version: 1,
  tool: "test",
  created: 1,
  instance: "guest",
  disk: { index: 0, role: "root", bytes: 4194304, sectorSize: 512 },
  layout: { style: "msdos", sectorSize: 512, id: "0x5eed1234", partitions: [partition] },
  filesystem: {
    type: "xfs",
    uuid: "0f0f0f0f-1111-4222-8333-444444444444",
    label: 'any "label"',
    blockSize: 4096,
    inodeSize: 512,
    sectorSize: 512,
    directoryBlockSize: 4096,
    features: { crc: 1 },
  },
  used: { bytes: 1, inodes: 1 },
  notes: [],
};

function decode(changes: Readonly<Record<string, unknown>>): Manifest {
  return decodeManifest(Buffer.from(JSON.stringify({ ...manifest, ...changes })));
}

describe("decodeManifest", () => {
  it("reads what encodeManifest wrote", () => {
    expect(decodeManifest(encodeManifest(manifest))).toEqual(manifest);
  });

  it("names a later version and the remedy", () => {
    expect(() => decode({ version: 3 })).toThrow("the stream has version 3, but this program reads up to 2");
  });

  it.each([
    ["no JSON", () => decodeManifest(Buffer.from("{")), /no JSON/],
    ["another format", () => decode({ format: "x" }), /not one of/],
    ["a missing field, by name", () => decode({ disk: undefined }), /damaged: disk: /],
    ["a tree without a filesystem", () => decode({ filesystem: undefined }), /contradicts itself about layout/],
    ["a raw disk with a tree", () => decode({ disk: { ...manifest.disk, role: "raw" } }), /contradicts itself/],
    ["a swap disk without swap", () => decode({ disk: { ...manifest.disk, role: "swap" } }), /contradicts itself/],
    ["two trees", () => layout([partition, { ...partition, number: 2, start: 9000 }]), /about partitions/],
    [
      "partitions that overlap",
      () => layout([partition, { ...partition, number: 2, start: 3000, content: "image" }]),
      /about partitions/,
    ],
    [
      "two partitions of one number",
      () => layout([partition, { ...partition, start: 9000, content: "image" }]),
      /about partitions/,
    ],
    ["a type that is two lines", () => layout([{ ...partition, type: "83\nlabel: gpt" }]), /type/],
    [
      "a label with a control character",
      () => decode({ filesystem: { ...manifest.filesystem, label: "a\u0007" } }),
      /label/,
    ],
    [
      "a block size that is no power of two",
      () => decode({ filesystem: { ...manifest.filesystem, blockSize: 3000 } }),
      /blockSize/,
    ],
  ])("refuses %s", (_, attempt, message) => {
    expect(attempt).toThrow(message);
  });
});

function layout(partitions: readonly unknown[]): Manifest {
  return decode({ layout: { style: "msdos", sectorSize: 512, id: "0x5eed1234", partitions } });
}
