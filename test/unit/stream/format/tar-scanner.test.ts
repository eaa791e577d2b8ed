import { execFileSync } from "node:child_process";
import { linkSync, mkdirSync, symlinkSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { encodeHeader, decodeHeader } from "../../../../src/stream/format/tar-header.ts";
import { createTarScanner, type TarEvent, type TarMember } from "../../../../src/stream/format/tar-scanner.ts";
import { temporaryDirectory } from "../../../fixtures/test-host.ts";

function difficultDirectory(): string {
  const directory = temporaryDirectory();
  const at = (name: string): string => join(directory, name);
  mkdirSync(at("d"));
  writeFileSync(at("d/zeros"), Buffer.alloc(4096));
  writeFileSync(at("empty"), "");
  writeFileSync(at(`long-${"n".repeat(200)}`), "long");
  writeFileSync(Buffer.concat([Buffer.from(`${directory}/byte-`), Buffer.from([0xff])]), "byte");
  writeFileSync(at("sparse"), "");
  truncateSync(at("sparse"), 1_000_000);
  linkSync(at("empty"), at("hard"));
  symlinkSync(`/target/${"t".repeat(150)}`, at("link"));
  return directory;
}

function pack(directory: string, ...options: readonly string[]): Buffer {
  return execFileSync("tar", ["--create", "--file=-", "--sort=name", ...options, "--directory", directory, "."], {
    maxBuffer: 64 * 1024 * 1024,
    env: { PATH: "/usr/bin:/bin", LC_ALL: "C" },
  });
}

function scan(archive: Buffer, chunk: number): readonly TarEvent[] {
  const scanner = createTarScanner();
  const events: TarEvent[] = [];
  for (let at = 0; at < archive.length; at += chunk) events.push(...scanner.push(archive.subarray(at, at + chunk)));
  expect(scanner.ended).toBe(true);
  return events;
}

function members(events: readonly TarEvent[]): readonly TarMember[] {
  return events.flatMap((event) => (event.kind === "member" ? [event.member] : []));
}

describe("createTarScanner", () => {
  it.each([
    ["posix", ["--format=posix", "--sparse"]],
    ["gnu", ["--format=gnu"]],
    ["posix with exact times only", ["--format=posix", "--pax-option=delete=atime,delete=ctime"]],
  ])("finds the members of GNU tar's %s format as tar lists them", (_, options) => {
    const archive = pack(difficultDirectory(), ...options);
    const names = members(scan(archive, archive.length)).map(({ name }) => name);
    const listed = execFileSync("tar", ["--list", "--quoting-style=literal"], { input: archive }).toString("latin1");
    expect(names).toEqual(listed.trimEnd().split("\n"));
  });

  it.each([1, 7, 511, 512, 513, 10_000])("does not care how the stream is cut (chunks of %i bytes)", (chunk) => {
    const archive = pack(difficultDirectory(), "--format=posix", "--sparse", "--blocking-factor=1");
    const whole = scan(archive, archive.length);
    const cut = scan(archive, chunk);
    expect(members(cut)).toEqual(members(whole));
    expect(Buffer.concat(cut.map(({ bytes }) => bytes)).equals(archive)).toBe(true);
  });

  it("takes zeros inside a file for what they are, and tells where the end marker begins", () => {
    const archive = pack(difficultDirectory(), "--format=posix");
    const scanner = createTarScanner();
    scanner.push(archive);
    const withoutEnd = archive.subarray(0, scanner.endsAt);
    expect(archive.subarray(scanner.endsAt).every((byte) => byte === 0)).toBe(true);
    expect(members(scan(Buffer.concat([withoutEnd, Buffer.alloc(1024)]), 4096))).toEqual(members(scan(archive, 4096)));
  });

  it("reads sizes in base 256", () => {
    const size = 9 * 1024 ** 3;
    const scanner = createTarScanner();
    const [event] = scanner.push(encodeHeader({ name: "large", size }));
    expect(event?.kind === "member" && event.member.size).toBe(size);
  });

  it("passes on what follows the end marker as such", () => {
    const scanner = createTarScanner();
    const events = scanner.push(Buffer.concat([Buffer.alloc(1024), Buffer.from("behind")]));
    expect(events.map(({ kind }) => kind)).toEqual(["end", "end", "trailing"]);
  });

  it.each([
    ["a header that does not match its checksum", Buffer.from(encodeHeader({ name: "a", size: 0 })).fill("b", 0, 1)],
    ["a single zero block", Buffer.concat([Buffer.alloc(512), encodeHeader({ name: "a", size: 0 })])],
    ["a link that claims to hold data", retyped(encodeHeader({ name: "a", size: 5 }), "2")],
    ["a member of an unknown type", retyped(encodeHeader({ name: "a", size: 0 }), "V")],
    ["a global header", retyped(encodeHeader({ name: "a", size: 0 }), "g")],
    [
      "an extended header at the end",
      Buffer.concat([retyped(encodeHeader({ name: "a", size: 0 }), "x"), Buffer.alloc(512)]),
    ],
    [
      "a malformed pax record",
      Buffer.concat([retyped(encodeHeader({ name: "a", size: 9 }), "x"), padded("99 path=x"), Buffer.alloc(512)]),
    ],
    [
      "endless extended headers",
      Buffer.concat(Array.from({ length: 40_000 }, () => retyped(encodeHeader({ name: "a", size: 0 }), "x"))),
    ],
  ])("refuses %s", (_, stream) => {
    expect(() => createTarScanner().push(stream)).toThrow();
  });
});

describe("encodeHeader", () => {
  it("writes what decodeHeader and tar read", () => {
    const header = encodeHeader({ name: "some/name", size: 12, mode: 0o640, modified: 1_000_000_000 });
    expect(decodeHeader(header)).toEqual({ name: "some/name", linkName: "", type: "0", size: 12 });
    const archive = Buffer.concat([header, padded("hello world\n"), Buffer.alloc(1024)]);
    const listed = execFileSync("tar", ["--list", "--verbose", "--numeric-owner", "--utc"], {
      input: archive,
    }).toString();
    expect(listed.trim()).toMatch(/^-rw-r----- 0\/0 +12 2001-09-09 01:46 some\/name$/);
  });
});

function padded(text: string): Buffer {
  return Buffer.concat([Buffer.from(text), Buffer.alloc((512 - (text.length % 512)) % 512)]);
}

// Another type flag, and the checksum with it.
function retyped(header: Buffer, type: string): Buffer {
  const changed = Buffer.from(header);
  changed.write(type, 156);
  changed.fill(" ", 148, 156);
  const sum = changed.reduce((total, byte) => total + byte, 0);
  changed.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148, "latin1");
  return changed;
}
