import { PassThrough } from "node:stream";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { type ByteSink, coalescing, streamSink } from "../../../src/stream/pipe/byte-sink.ts";
import { createStreamHash } from "../../../src/stream/format/checksum.ts";
import { detectCompression } from "../../../src/stream/pipe/compression.ts";
import { createDumpScanner, isDump } from "../../../src/stream/format/dump-scanner.ts";
import { complement } from "../../../src/devices/blocks/extents.ts";
import { markFailedImport, readFailedImportMark } from "../../../src/stream/restore/failed-import.ts";
import { decodeInodeFlags, encodeInodeFlags, parseLsattr } from "../../../src/stream/tree/inode-flags.ts";
import { readPieces } from "../../../src/devices/blocks/raw-blocks.ts";
import { temporaryDirectory, testHost } from "../../fixtures/test-host.ts";

const unit = 65536;

describe("readPieces", () => {
  it("yields what is neither free nor zero, in pieces that put together give the device again", async () => {
    const file = join(temporaryDirectory(), "device");
    const content = Buffer.alloc(80 * unit);
    content.fill(1, 3 * unit, 5 * unit);
    content.fill(2, 40 * unit + 5, 40 * unit + 6);
    content.fill(3, 70 * unit, 80 * unit);
    writeFileSync(file, content);
    const rebuilt = Buffer.alloc(content.length);
    const offsets: number[] = [];
    for await (const { offset, bytes } of readPieces(file, { start: 0, end: content.length }, [])) {
      bytes.copy(rebuilt, offset);
      offsets.push(offset / unit);
    }
    expect(offsets).toEqual([3, 40, 70]);
    expect(rebuilt.equals(content)).toBe(true);
  });

  it("leaves free extents out and counts offsets from the range's start", async () => {
    const file = join(temporaryDirectory(), "device");
    writeFileSync(file, Buffer.alloc(10 * unit, 7));
    const pieces: [number, number][] = [];
    const range = { start: 2 * unit, end: 9 * unit };
    for await (const { offset, bytes } of readPieces(file, range, [{ start: 100, end: 5 * unit }]))
      pieces.push([offset, bytes.length]);
    expect(pieces).toEqual([
      [0, 100],
      [5 * unit, 2 * unit],
    ]);
  });

  it("rejects when the device ends early", async () => {
    const file = join(temporaryDirectory(), "device");
    writeFileSync(file, Buffer.alloc(unit, 1));
    const read = async (): Promise<void> => {
      for await (const _ of readPieces(file, { start: 0, end: 2 * unit }, [])) continue;
    };
    await expect(read()).rejects.toThrow(/ends early/);
  });
});

describe("complement", () => {
  it.each([
    [[], 10, [[0, 10]]],
    [[[0, 10]], 10, []],
    [
      [
        [5, 7],
        [1, 3],
        [2, 6],
      ],
      10,
      [
        [0, 1],
        [7, 10],
      ],
    ],
    [[[8, 30]], 10, [[0, 8]]],
    [[[12, 13]], 10, [[0, 10]]],
  ] as const)("of %j in 0..%i is %j", (extents, length, expected) => {
    const given = (extents as readonly (readonly [number, number])[]).map(([start, end]) => ({ start, end }));
    expect(complement(given, length).map(({ start, end }) => [start, end])).toEqual(expected);
  });
});

describe("coalescing", () => {
  it("passes all bytes in order, small writes together", async () => {
    const writes: Buffer[] = [];
    const sink: ByteSink = {
      write: (bytes) => {
        writes.push(Buffer.from(bytes));
        return Promise.resolve();
      },
      end: () => Promise.resolve(),
    };
    const gathering = coalescing(sink);
    const sent: Buffer[] = [];
    for (let i = 0; i < 3000; i++) {
      const bytes = Buffer.alloc(i % 50 === 49 ? 100_000 : 300, i);
      sent.push(bytes);
      await gathering.write(bytes);
    }
    await gathering.end();
    expect(Buffer.concat(writes).equals(Buffer.concat(sent))).toBe(true);
    expect(writes.length).toBeLessThan(150);
  });
});

describe("streamSink", () => {
  it("waits for its reader, and rejects once the run is aborted", async () => {
    const controller = new AbortController();
    const stream = new PassThrough({ highWaterMark: 16 });
    const sink = streamSink(stream, controller.signal);
    const pending = sink.write(Buffer.alloc(100)).then(() => sink.write(Buffer.alloc(100)));
    pending.catch(() => undefined);
    controller.abort(new Error("stop"));
    await expect(pending).rejects.toThrow("stop");
    await expect(sink.write(Buffer.alloc(1))).rejects.toThrow("stop");
  });
});

describe("the checksum member", () => {
  it("can be checked with sha256sum and differs with any byte and the time", () => {
    const seal = (text: string, time: number): Buffer => {
      const hash = createStreamHash();
      hash.update(Buffer.from(text));
      return hash.seal(time);
    };
    expect(seal("abc", 5).length).toBe(2048);
    expect(seal("abc", 5).toString("latin1", 512, 580)).toBe(
      "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad  -\n",
    );
    expect(seal("abc", 5).equals(seal("abd", 5))).toBe(false);
    expect(seal("abc", 5).equals(seal("abc", 6))).toBe(false);
  });
});

describe("detectCompression", () => {
  it("goes by the first bytes", () => {
    expect(detectCompression(Buffer.from([0x1f, 0x8b, 8]))).toBe("gzip");
    expect(detectCompression(Buffer.from([0x28, 0xb5, 0x2f, 0xfd]))).toBe("zstd");
    expect(detectCompression(Buffer.from([0x28, 0xb5]))).toBe("none");
    expect(detectCompression(Buffer.from(".ganeti"))).toBe("none");
  });
});

describe("inode flags", () => {
  it("are read from lsattr, those that can be set", () => {
    expect(parseLsattr("    0 ----i---d-----e------- root/a b")).toEqual({ flags: "id", project: 0, path: "root/a b" });
    expect(parseLsattr("   17 --------------e------- root/x")).toEqual({ flags: "", project: 17, path: "root/x" });
    expect(parseLsattr("    0 --------------eI------ root/x")).toBeUndefined();
    expect(parseLsattr("the rest of a name")).toBeUndefined();
  });

  it("survive any name", () => {
    const list = [
      { flags: "i", project: 0, path: "root/new\nline \u00ff" },
      { flags: "", project: 5, path: "root/dir/" },
    ];
    expect(decodeInodeFlags(encodeInodeFlags(list))).toEqual(list);
  });

  it.each(["i 0 root/../x\0", "i 0 /etc\0", "i 0 root/x", "Z 0 root/x\0", "nonsense\0"])("refuse %j", (text) => {
    expect(() => decodeInodeFlags(Buffer.from(text))).toThrow(/damaged/);
  });
});

describe("the mark of a failed import", () => {
  it("says why, and is no boot sector", async () => {
    const device = join(temporaryDirectory(), "device");
    writeFileSync(device, Buffer.alloc(8 * 1024 ** 2, 0x55));
    await markFailedImport(
      device,
      8 * 1024 ** 2,
      [{ start: 3 * 1024 ** 2, end: 8 * 1024 ** 2 }],
      `no good: ${"\u00e4".repeat(600)}\nmore`,
    );
    const sector = readFileSync(device).subarray(0, 512);
    expect(sector.readUInt16LE(510)).toBe(0);
    const said = await readFailedImportMark(testHost(), device);
    expect(said).toMatch(/^no good: \u00e4+$/);
    const start = readFileSync(device).subarray(3 * 1024 ** 2, 5 * 1024 ** 2);
    expect(start.every((byte) => byte === 0)).toBe(true);
  });

  it("is not read from anything else", async () => {
    const device = join(temporaryDirectory(), "device");
    writeFileSync(device, Buffer.alloc(4096, 0x20));
    expect(await readFailedImportMark(testHost(), device)).toBeUndefined();
  });
});

describe("createDumpScanner", () => {
  // Headers made after <protocols/dumprestore.h>.
  const record = (type: number, position: number, fields: Readonly<Record<number, number>> = {}): Buffer => {
    const bytes = Buffer.alloc(1024);
    bytes.writeUInt32LE(type, 0);
    bytes.writeUInt32LE(position, 16);
    bytes.writeUInt32LE(60012, 24);
    for (const [at, value] of Object.entries(fields)) bytes.writeUInt32LE(value, Number(at));
    let sum = 0;
    for (let at = 0; at < 1024; at += 4) sum = (sum + bytes.readUInt32LE(at)) >>> 0;
    bytes.writeUInt32LE((84446 - sum) >>> 0, 28);
    return bytes;
  };
  const map = Buffer.alloc(1024);
  map[0] = 0b10;
  const inode = record(2, 3, { 20: 2, 160: 2, 164: 0x0100 });
  const dump = Buffer.concat([record(1, 0), record(3, 1, { 160: 1 }), map, inode, Buffer.alloc(1024, 9), record(5, 5)]);
  const scan = (bytes: Buffer, chunk = bytes.length): unknown => {
    const scanner = createDumpScanner();
    for (let at = 0; at < bytes.length; at += chunk) scanner.push(bytes.subarray(at, at + chunk));
    return scanner.finish();
  };

  it("follows the records, however they are cut", () => {
    expect(isDump(dump)).toBe(true);
    expect(scan(dump)).toEqual({ inodes: 1, bytes: 6144 });
    expect(scan(dump, 333)).toEqual({ inodes: 1, bytes: 6144 });
  });

  it.each([
    ["an empty one", Buffer.alloc(0), /empty/],
    ["one without its end record", dump.subarray(0, -1024), /end record is missing/],
    ["one cut inside a record", dump.subarray(0, -1), /end record is missing/],
    [
      "one that lacks a file of its map",
      Buffer.concat([record(1, 0), record(3, 1, { 160: 1 }), map, record(5, 3)]),
      /names 1 files, but holds 0/,
    ],
    ["one with a record left out", Buffer.concat([record(1, 0), record(3, 2, { 160: 1 })]), /out of sequence/],
    ["one with something behind", Buffer.concat([dump, record(2, 6, { 20: 9 })]), /behind the end record/],
    ["a compressed one", record(1, 0, { 888: 0x80 }), /compressed/],
    ["one with a changed header", Buffer.concat([record(1, 0).fill(1, 700, 701), dump]), /damaged/],
  ])("refuses %s", (_, bytes, message) => {
    expect(() => scan(bytes)).toThrow(message);
  });
});
