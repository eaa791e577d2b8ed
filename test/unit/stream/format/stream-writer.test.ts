import { expect, test } from "vitest";
import { Parser, type ReadEntry } from "tar";
import type { Manifest } from "../../../../src/stream/format/manifest.ts";
import { createMeter } from "../../../../src/stream/pipe/meter.ts";
import { beginStream } from "../../../../src/stream/format/stream-writer.ts";
import { testHost } from "../../../fixtures/test-host.ts";

const manifest: Manifest = {
  format: "ganeti-instance-debootstrap",
  version: 1,
  tool: "test",
  created: 1,
  instance: "guest",
  disk: { index: 1, role: "swap", bytes: 4194304, sectorSize: 512 },
  swap: { uuid: "0f0f0f0f-1111-4222-8333-444444444444", bytes: 4194304 },
  notes: [],
} as unknown as Manifest;

// Not our own scanner, which could share a mistake with the writer.
test("another program's tar reader lists the manifest first and the checksum last", async () => {
  const chunks: Buffer[] = [];
  const sink = {
    write: (bytes: Buffer) => {
      chunks.push(Buffer.from(bytes));
      return Promise.resolve();
    },
    end: () => Promise.resolve(),
  };
  const writer = await beginStream(sink, manifest, createMeter(testHost().log, "exported"));
  await writer.member("boot-area.bin", Buffer.alloc(700, 1));
  await writer.finish();

  const seen: { path: string; size: number }[] = [];
  const parser = new Parser({ strict: true });
  const finished = new Promise((resolve, reject) => parser.on("end", resolve).on("error", reject));
  parser.on("entry", (entry: ReadEntry) => {
    seen.push({ path: entry.path, size: entry.size });
    entry.resume();
  });
  parser.end(Buffer.concat(chunks));
  await finished;
  expect(seen[0]?.path).toBe(".ganeti-instance-debootstrap/manifest.json");
  expect(seen[1]).toEqual({ path: "boot-area.bin", size: 700 });
  expect(seen).toHaveLength(3);
  expect(seen[2]?.path).toMatch(/^\.ganeti-instance-debootstrap\/.*(checksum|sha256)/i);
});
