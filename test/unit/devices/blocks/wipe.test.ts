import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { signatureBytes, wipeSignatures } from "../../../../src/devices/blocks/wipe.ts";
import { temporaryDirectory } from "../../../fixtures/test-host.ts";

const mib = 1024 * 1024;

async function wiped(sizeBytes: number, head?: number): Promise<Buffer> {
  const path = join(temporaryDirectory(), "disk");
  writeFileSync(path, Buffer.alloc(sizeBytes, 0xff));
  await wipeSignatures(path, sizeBytes, head);
  return readFileSync(path);
}

test("both ends become zeros, and the middle stays", async () => {
  const disk = await wiped(9 * mib + 512);
  const zeros = Buffer.alloc(signatureBytes);
  expect(disk.subarray(0, signatureBytes).equals(zeros)).toBe(true);
  expect(disk.subarray(-signatureBytes).equals(zeros)).toBe(true);
  expect(disk.subarray(signatureBytes, -signatureBytes).every((byte) => byte === 0xff)).toBe(true);
  expect(disk.length).toBe(9 * mib + 512);
});

test("the head is as long as asked for", async () => {
  const disk = await wiped(8 * mib, 63 * 512);
  expect(disk.indexOf(0xff)).toBe(63 * 512);
});

test("a device shorter than both ends is all zeros and no longer than before", async () => {
  const disk = await wiped(3 * mib);
  expect(disk.every((byte) => byte === 0)).toBe(true);
  expect(disk.length).toBe(3 * mib);
});
