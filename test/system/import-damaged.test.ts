import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { messageOf } from "../../src/host/errors.ts";
import { readFailedImportMark } from "../../src/stream/restore/failed-import.ts";
import { encodeHeader } from "../../src/stream/format/tar-header.ts";
import { exportTo, importFrom } from "../fixtures/backup.ts";
import { sealed } from "../fixtures/forged-stream.ts";
import { diskTree, guestDisk, inMounted } from "../fixtures/guest-disk.ts";
import { diskFile, loopOn, scarceDisk, sh } from "../fixtures/loop-disk.ts";
import { type TestHost, testHost } from "../fixtures/test-host.ts";

// A small tree, so that hundreds of imports take minutes; its last file ends in 64 KiB of zeros.
const tree = `mkdir etc; printf 'x' >etc/hostname; head -c 30000 /dev/urandom >data; chattr +i data
mkdir zz; { printf 'text'; head -c 65536 /dev/zero; } >zz/last-file`;

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

interface Damaged {
  readonly name: string;
  readonly bytes: Buffer;
}

let plain: Buffer;

beforeAll(async () => {
  const directory = sh(`mktemp -d /tmp/gid-damaged-XXXXXX`);
  try {
    const source = guestDisk(join(directory, "source"), { style: "msdos", type: "ext4", mib: 24 }, tree);
    plain = await makeStream(source, join(directory, "stream"));
  } finally {
    sh(`rm -rf "$1"`, directory);
  }
});

async function makeStream(source: string, file: string): Promise<Buffer> {
  const { createLog } = await import("../../src/host/log.ts");
  const { openJournal } = await import("../../src/host/journal.ts");
  const runDir = `${file}.run`;
  sh(`mkdir "$1"`, runDir);
  const host = {
    log: createLog({ write: () => undefined }),
    path: "/usr/sbin:/usr/bin:/sbin:/bin",
    signal: new AbortController().signal,
    journal: openJournal(runDir),
    runDir,
  };
  await exportTo(host, source, file);
  return readFileSync(file);
}

async function refuse(host: TestHost, disk: string, { name, bytes }: Damaged): Promise<void> {
  const file = join(host.directory, "damaged");
  writeFileSync(file, bytes);
  let said: string | undefined;
  try {
    await importFrom(host, file, disk);
  } catch (error) {
    said = messageOf(error);
  }
  expect(said, name).toBeDefined();
  expect(said, name).not.toMatch(/undefined|\bat .*\.ts:/);
  expect(sh(`blkid -p "$1" || true`, disk), `${name}: nothing to mount`).toBe("");
  const sector = readFileSync(disk).subarray(0, 2048 * 512 + 4096);
  expect(sector.readUInt16LE(510), `${name}: no boot signature`).toBe(0);
  expect(
    sector.subarray(2048 * 512).every((byte) => byte === 0),
    `${name}: no superblock`,
  ).toBe(true);
  expect(await readFailedImportMark(host, disk), name).toBe((said ?? "").split("\n")[0]?.slice(0, 300));
}

// A stream whose manifest was changed, with a right checksum.
function withManifest(change: (manifest: Record<string, unknown>) => void): Buffer {
  const size = parseInt(plain.toString("latin1", 124, 135), 8);
  const manifest = JSON.parse(plain.toString("utf8", 512, 512 + size)) as Record<string, unknown>;
  change(manifest);
  const content = Buffer.from(JSON.stringify(manifest));
  const padded = Buffer.concat([content, Buffer.alloc((512 - (content.length % 512)) % 512)]);
  const name = ".ganeti-instance-debootstrap/manifest.json";
  const created = Number(manifest["created"]) || 0;
  const rest = plain.subarray(512 + Math.ceil(size / 512) * 512, plain.length - 2048);
  return sealed(
    Buffer.concat([encodeHeader({ name, size: content.length, modified: created }), padded, rest]),
    created,
  );
}

describe("a damaged stream is refused and leaves no guest on the disk", () => {
  it("is accepted undamaged, and its disk has a guest", async () => {
    const host = testHost();
    const disk = diskFile(join(host.directory, "disk"), 24);
    const file = join(host.directory, "stream");
    writeFileSync(file, plain);
    await importFrom(host, file, disk);
    expect(inMounted(disk, "msdos", "cat etc/hostname; tail -c 65536 zz/last-file | tr -d '\\0' | wc -c")).toBe("x0");
  });

  it("cut off at 80 places", async () => {
    const host = testHost();
    const disk = diskFile(join(host.directory, "disk"), 24);
    const random = randoms(1);
    const places = [
      0,
      1,
      511,
      512,
      513,
      plain.length - 1,
      plain.length - 512,
      plain.length - 1024,
      plain.length - 2048,
    ];
    while (places.length < 80) places.push(Math.floor(random() * plain.length));
    for (const place of places) {
      await refuse(host, disk, { name: `cut at ${String(place)}`, bytes: plain.subarray(0, place) });
    }
  });

  it("with one bit flipped at 90 places", async () => {
    const host = testHost();
    const disk = diskFile(join(host.directory, "disk"), 24);
    const random = randoms(2);
    const tail = [1, 600, 1024, 1025, 1500, 2000, 2047].map((behind) => plain.length - behind);
    for (let i = 0; i < 90; i++) {
      const place = tail[i] ?? Math.floor(random() * plain.length);
      const bytes = Buffer.from(plain);
      bytes[place] = (bytes[place] ?? 0) ^ (1 << Math.floor(random() * 8));
      await refuse(host, disk, { name: `bit flipped in byte ${String(place)}`, bytes });
    }
  });

  it("with something behind its end", async () => {
    const host = testHost();
    const disk = diskFile(join(host.directory, "disk"), 24);
    const tails = [
      Buffer.alloc(1),
      Buffer.alloc(512),
      Buffer.alloc(10240),
      Buffer.from("x"),
      plain,
      plain.subarray(0, 512),
    ];
    for (const [index, tail] of tails.entries()) {
      await refuse(host, disk, { name: `tail ${String(index)}`, bytes: Buffer.concat([plain, tail]) });
    }
  });

  it("with a manifest that says something else", async () => {
    const host = testHost();
    const disk = diskFile(join(host.directory, "disk"), 24);
    const set = (path: string, value: unknown): Damaged => ({
      name: `${path} = ${JSON.stringify(value)}`,
      bytes: withManifest((manifest) => {
        const keys = path.split(".");
        const last = keys.pop() ?? "";
        let at = manifest;
        for (const key of keys) at = at[key] as Record<string, unknown>;
        if (value === undefined) Reflect.deleteProperty(at, last);
        else at[last] = value;
      }),
    });
    const wrong: readonly Damaged[] = [
      set("version", 2),
      set("version", "1"),
      set("version", 0),
      set("format", "something-else"),
      set("disk.role", "raw"),
      set("disk.role", "swap"),
      set("disk.role", "other"),
      set("disk.index", -1),
      set("disk.bytes", "many"),
      set("layout", undefined),
      set("layout.style", "bsd"),
      set("layout.sectorSize", 4096),
      set("layout.partitions", []),
      set("layout.partitions.0.start", 0),
      set("layout.partitions.0.start", -5),
      set("layout.partitions.0.start", 2 ** 40),
      set("layout.partitions.0.sectors", 0),
      set("layout.partitions.0.content", "image"),
      set("layout.partitions.0.type", "83\nstart=1"),
      set("layout.partitions.0.number", 0),
      set("layout.id", "0x1\nlabel: gpt"),
      set("filesystem", undefined),
      set("filesystem.type", "ntfs"),
      set("filesystem.uuid", "; reboot"),
      set("filesystem.features", ["-E", "offset=1"]),
      set("filesystem.blockSize", 3000),
      set("filesystem.inodeSize", 7),
      set("used.bytes", -1),
      set("used.inodes", "x"),
      set("bootArea", 5),
      set("bootBlock", 100),
      set("inodeFlags", undefined),
      set("created", "yesterday"),
      set("notes", undefined),
    ];
    for (const damaged of wrong)
      await refuse(host, disk, damaged).catch((error: unknown) => {
        tolerateUntouched(error, damaged);
      });
  });
});

/** What came of an import: the error's message, or undefined. */
async function outcome(host: TestHost, disk: string, bytes: Buffer): Promise<string | undefined> {
  const file = join(host.directory, "stream");
  writeFileSync(file, bytes);
  try {
    await importFrom(host, file, disk);
    return undefined;
  } catch (error) {
    return messageOf(error);
  }
}

describe.each(["zstd", "gzip"] as const)("a damaged %s stream", (compression) => {
  it("is refused, or gives the same tree", async () => {
    const host = testHost();
    const disk = diskFile(join(host.directory, "disk"), 24);
    writeFileSync(join(host.directory, "plain"), plain);
    sh(`cd "$1"; ${compression} -q -c plain >compressed`, host.directory);
    const whole = readFileSync(join(host.directory, "compressed"));
    const random = randoms(3);
    expect(await outcome(host, disk, whole)).toBeUndefined();
    const tree = diskTree(disk, "msdos");
    for (let i = 0; i < 12; i++) {
      const place = Math.floor(random() * whole.length);
      const flipped = Buffer.from(whole);
      flipped[place] = (flipped[place] ?? 0) ^ 4;
      const said = await outcome(host, disk, flipped);
      if (said === undefined) expect(diskTree(disk, "msdos"), `flipped at ${String(place)}`).toEqual(tree);
      expect(await outcome(host, disk, whole.subarray(0, place)), `cut at ${String(place)}`).toBeDefined();
    }
    expect(await outcome(host, disk, Buffer.concat([whole, Buffer.from("behind")]))).toBeDefined();
  });
});

describe("a damaged dump stream", () => {
  it("is refused when it is cut off, its headers are changed or something follows", async () => {
    const host = testHost();
    const disk = diskFile(join(host.directory, "disk"), 24);
    const source = guestDisk(join(host.directory, "source"), { style: "none", type: "ext4", mib: 24 }, tree);
    await exportTo(host, source, join(host.directory, "dump"), { config: { exportFormat: "dump" } });
    const dump = readFileSync(join(host.directory, "dump"));
    expect(await outcome(host, disk, dump)).toBeUndefined();
    const random = randoms(4);
    for (let i = 0; i < 12; i++) {
      const place = Math.floor(random() * (dump.length - 10240));
      const damaged = { name: `dump cut at ${String(place)}`, bytes: dump.subarray(0, place) };
      await refuse(host, disk, damaged);
    }
    for (const record of [0, 1, 9]) {
      const bytes = Buffer.from(dump);
      bytes[record * 1024 + 40] = (bytes[record * 1024 + 40] ?? 0) ^ 1;
      await refuse(host, disk, { name: `header ${String(record)}`, bytes });
    }
    await refuse(host, disk, { name: "tail", bytes: Buffer.concat([dump, Buffer.from("behind")]) });
  });
});

// What does not fit the disk is refused before the disk is touched, and is no damage.
function tolerateUntouched(error: unknown, { name }: Damaged): void {
  if (/sectorSize = 4096|start = 1099511627776/.test(name)) return;
  throw error;
}

// The upper loop device's writes lie in the page cache of the lower one, and a filesystem that is being made does not
// flush them: nobody but the flush of the disk is told.
describe("a disk that loses what it took", () => {
  it.each(["tar", "dump"] as const)("gets no guest from a %s stream", async (exportFormat) => {
    const host = testHost();
    const source = guestDisk(
      join(host.directory, "source"),
      { style: "none", type: "ext4", mib: 200 },
      "mkdir etc; printf x >etc/hostname; head -c 60M /dev/urandom >large",
    );
    const stream = join(host.directory, "stream");
    await exportTo(host, source, stream, { config: { exportFormat } });
    const file = scarceDisk(join(host.directory, "full"), 50, 200);
    await expect(importFrom(host, stream, loopOn(loopOn(file)))).rejects.toThrow(/cannot write to \/dev\/loop\d+: EIO/);
    expect(await readFailedImportMark(host, file)).toMatch(/cannot write/);
  });
});
