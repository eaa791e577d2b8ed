import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import { messageOf } from "../../../../src/host/errors.ts";
import { encodeDigestList, encodeSeal } from "../../../../src/stream/format/digest-list.ts";
import {
  filesystemFile,
  headOf,
  imageStream,
  receiveImage,
  sendAll,
  usedFile,
} from "../../../fixtures/image-stream.ts";
import { testHost, type TestHost } from "../../../fixtures/test-host.ts";

const mib = 12;
let host: TestHost;
let source: string;
let stream: Buffer;
let made: Buffer | undefined;

// Made once: it takes longer than what is done with it.
beforeEach(async () => {
  host = testHost();
  source = join(host.directory, "source");
  if (made === undefined) {
    stream = await imageStream(host, filesystemFile(source, mib));
    made = readFileSync(source);
  } else writeFileSync(source, made);
});

describe("an image", () => {
  it("of a device that cannot be read to its end names the place", async () => {
    truncateSync(source, 300_000);
    await expect(sendAll(host, source, mib * 1024 ** 2)).rejects.toThrow(
      /source ends early, at byte 300\d{3}|299\d{3}/,
    );
  });

  it("comes back as it was, onto a file full of something else", async () => {
    const target = usedFile(join(host.directory, "target"), mib);
    await receiveImage(host, stream, target);
    execFileSync("e2fsck", ["-fn", target], { stdio: "ignore" });
    const script = `debugfs -R "cat $2" "$1" 2>/dev/null | sha256sum; dumpe2fs "$1" 2>/dev/null | sha256sum`;
    const look = (file: string, path: string): string =>
      execFileSync("bash", ["-c", script, "bash", file, path], { encoding: "utf8" });
    for (const path of ["/data", "/zeros", "/etc/hostname"]) expect(look(target, path)).toBe(look(source, path));
    expect(headOf(target).equals(headOf(source))).toBe(true);
  });

  it("is byte for byte the same in a new sparse file", async () => {
    const target = join(host.directory, "target");
    writeFileSync(target, "");
    execFileSync("truncate", ["-s", `${String(mib)}M`, target]);
    await receiveImage(host, stream, target, true);
    expect(readFileSync(target).equals(readFileSync(source))).toBe(true);
  });

  it("is unpacked by any tar, and checked by sha256sum", () => {
    const directory = join(host.directory, "by-hand");
    mkdirSync(directory);
    writeFileSync(join(directory, "stream"), stream);
    const script = `tar xf stream && for piece in blocks/*; do
      dd if=$piece of=restored bs=64K oflag=seek_bytes seek=$((10#\${piece#blocks/})) conv=notrunc status=none; done
      truncate -s "$1" restored; sha256sum --quiet -c <(grep -v -e blocks/ -e '-$' .ganeti-instance-debootstrap/sha256)`;
    execFileSync("bash", ["-euc", script, "bash", `${String(mib)}M`], { cwd: directory, stdio: "ignore" });
    expect(readFileSync(join(directory, "restored")).equals(readFileSync(source))).toBe(true);
  });
});

/** A member's bytes in the stream. */
interface Span {
  readonly name: string;
  readonly start: number;
  readonly data: number;
  readonly end: number;
}

// By the headers, as this format has them: at most one extended header, its real name in it.
function membersOf(bytes: Buffer): readonly Span[] {
  const spans: Span[] = [];
  for (let at = 0; bytes[at] !== 0;) {
    const start = at;
    let name = "";
    if (bytes.toString("latin1", at + 156, at + 157) === "x") {
      name = /GNU\.sparse\.name=([^\n]*)/.exec(bytes.toString("latin1", at + 512, at + 1024))?.[1] ?? "";
      at += 1024;
    } else name = bytes.toString("latin1", at, bytes.indexOf(0, at));
    const size = parseInt(bytes.toString("latin1", at + 124, at + 135), 8);
    const end = at + 512 + Math.ceil(size / 512) * 512;
    spans.push({ name, start, data: at + 512, end });
    at = end;
  }
  return spans;
}

/** The same numbers in each run (mulberry32). */
function randoms(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

async function refuse(name: string, bytes: Buffer): Promise<string> {
  const target = join(host.directory, "target");
  writeFileSync(target, Buffer.alloc(mib * 1024 ** 2));
  let said: string | undefined;
  try {
    await receiveImage(host, bytes, target);
  } catch (error) {
    said = messageOf(error);
  }
  expect(said, name).toBeDefined();
  expect(said, name).not.toMatch(/undefined|TypeError|RangeError|\bat .*\.ts:/);
  expect(
    headOf(target).every((byte) => byte === 0),
    `${name}: no superblock`,
  ).toBe(true);
  return said ?? "";
}

describe("a damaged image is refused, and leaves no superblock:", { timeout: 120_000 }, () => {
  it("one bit flipped in each part of each kind of member and at 120 other places", async () => {
    const random = randoms(1);
    const members = membersOf(stream);
    const places = members.flatMap(({ start, data, end }) => [
      ...[start, start + 100, start + 124, start + 148, start + 156, start + 345],
      ...(data - start > 512 ? [start + 520, start + 560, start + 1000, start + 1024 + 130] : []),
      ...[data, data + 1, Math.floor((data + end) / 2), end - 1],
    ]);
    for (let i = 0; i < 120; i++) places.push(Math.floor(random() * stream.length));
    expect(places.length).toBeGreaterThan(160);
    for (const place of places) {
      const bytes = Buffer.from(stream);
      bytes[place] = (bytes[place] ?? 0) ^ (1 << Math.floor(random() * 8));
      await refuse(`bit flipped in byte ${String(place)}`, bytes);
    }
  });

  it("cut off anywhere", async () => {
    const random = randoms(2);
    const places = [0, 1, 511, 512, 513, stream.length - 1, stream.length - 512, stream.length - 1024];
    for (const { start, data, end } of membersOf(stream)) places.push(start, data, data + 1, end - 1);
    for (let i = 0; i < 40; i++) places.push(Math.floor(random() * stream.length));
    for (const place of places.filter((at) => at < stream.length))
      await refuse(`cut at ${String(place)}`, stream.subarray(0, place));
  });

  it("a member left out, doubled or in another place", async () => {
    const members = membersOf(stream);
    const parts = members.map(({ start, end }) => stream.subarray(start, end));
    const tail = stream.subarray(members.at(-1)?.end ?? 0);
    for (let i = 0; i < parts.length; i++) {
      const name = members[i]?.name ?? "";
      const join_ = (list: readonly (Buffer | undefined)[]): Buffer =>
        Buffer.concat([...list.filter((part) => part !== undefined), tail]);
      await refuse(`without ${name}`, join_(parts.filter((_, at) => at !== i)));
      await refuse(`${name} twice`, join_([...parts.slice(0, i + 1), ...parts.slice(i)]));
      if (i + 1 < parts.length) {
        await refuse(
          `${name} behind the next`,
          join_([...parts.slice(0, i), parts[i + 1], parts[i], ...parts.slice(i + 2)]),
        );
      }
    }
  });

  it("something behind its end", async () => {
    for (const tail of [Buffer.alloc(1), Buffer.alloc(512), Buffer.from("x"), stream, stream.subarray(0, 512)])
      expect(await refuse("tail", Buffer.concat([stream, tail]))).toMatch(/follows|zero block/);
  });

  it("and its error names the member", async () => {
    const member = membersOf(stream).filter(({ name }) => name.startsWith("blocks/"))[1];
    const bytes = Buffer.from(stream);
    const place = (member?.end ?? 0) - 5;
    bytes[place] = (bytes[place] ?? 0) ^ 1;
    expect(await refuse("flipped", bytes)).toContain(`its member ${member?.name ?? ""} is not what was exported`);
    expect(await refuse("cut", stream.subarray(0, place))).toContain(member?.name);
  });
});

describe("a forged image, whose digests are right, is refused:", { timeout: 60_000 }, () => {
  // The digests of all members, made anew.
  async function forged(change: (text: string) => string): Promise<Buffer> {
    const { createHash } = await import("node:crypto");
    const { encodeHeader, paddedSize } = await import("../../../../src/stream/format/tar-header.ts");
    const members = membersOf(stream).slice(0, -1);
    const parts = members.map(({ name, start, data, end }) => {
      const size = parseInt(stream.toString("latin1", data - 512 + 124, data - 512 + 135), 8);
      const content = stream.subarray(data, data + size);
      const changed =
        name === "used-blocks" || name.endsWith("manifest.json") ? Buffer.from(change(content.toString())) : content;
      const digest = createHash("sha256").update(changed).digest("hex");
      const bytes = changed.equals(content)
        ? stream.subarray(start, end)
        : Buffer.concat([
            encodeHeader({ name, size: changed.length, modified: 0 }),
            changed,
            Buffer.alloc(paddedSize(changed.length) - changed.length),
          ]);
      return { line: { name, digest }, bytes };
    });
    return Buffer.concat([
      ...parts.map(({ bytes }) => bytes),
      encodeSeal(encodeDigestList(parts.map(({ line }) => line)), 0),
    ]);
  }

  it("is accepted when nothing is changed", async () => {
    expect((await forged((text) => text)).equals(stream)).toBe(true);
  });

  const first = /^0 (\d+)$/m;
  it.each<readonly [string, (text: string) => string]>([
    ["a list of used blocks that does not know a piece", (text) => text.replace(first, "0 4096")],
    ["used blocks beyond the filesystem", (text) => text.replace(/^(\d+ )(\d+)\n$/m, "$199999999488\n")],
    ["used blocks that overlap", (text) => text.replace(first, "0 $1\n1024 1024")],
    ["used blocks that do not ascend", (text) => text.replace(first, "1048576 1024\n0 $1")],
    ["used blocks that overflow", (text) => text.replace(first, "0 99999999999999999999")],
    ["used blocks of negative length", (text) => text.replace(first, "0 -$1")],
    ["used blocks that are no whole blocks", (text) => text.replace(first, "0 $1\n999936 513")],
    ["used blocks that are words", (text) => text.replace(first, "zero $1")],
    ["no used block", (text) => (text.startsWith("{") ? text : "")],
    ["too many used blocks", (text) => (text.startsWith("{") ? text : "0 1024\n".repeat(250_001))],
    [
      "a filesystem of another size",
      (text) => text.replace(/"image": \{\n {4}"bytes": \d+/, '"image": {\n    "bytes": 4194304'),
    ],
    ["a filesystem beyond all sizes", (text) => text.replace(/"bytes": \d+/g, '"bytes": 9007199254740991')],
    [
      "blocks of another size",
      (text) => text.replace(/"image": \{[^}]*"blockSize": \d+/, (all) => all.replace(/\d+$/, "65536")),
    ],
    ["blocks of an odd size", (text) => text.replaceAll(/"blockSize": \d+/g, '"blockSize": 1000')],
    ["a journal in a state that does not exist", (text) => text.replace('"clean"', '"perhaps"')],
    ["a swap disk", (text) => text.replace('"root"', '"swap"')],
    ["version 1", (text) => text.replace('"version": 2', '"version": 1')],
    ["version 3", (text) => text.replace('"version": 2', '"version": 3')],
    ["no image in the manifest", (text) => text.replace('"image"', '"picture"')],
    ["an xfs", (text) => text.replace('"ext4"', '"xfs"')],
  ])("%s", async (_, change) => {
    const bytes = await forged(change);
    expect(bytes.equals(stream), "something was changed").toBe(false);
    await refuse(_, bytes);
  });
});
