import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { architectureOfElf, architectureOfMachine, nodeArchitecture } from "../../../src/config/architecture.ts";
import { fakeCommands, temporaryDirectory, testHost } from "../../fixtures/test-host.ts";

it.each([
  ["x86_64", "amd64"],
  ["i386", "i386"],
  ["i686", "i386"],
  ["aarch64", "arm64"],
  ["armv7l", "armhf"],
  ["armv8l", "armhf"],
  ["armv6l", "armel"],
  ["ppc64le", "ppc64el"],
  ["s390x", "s390x"],
  ["riscv64", "riscv64"],
  ["loongarch64", "loong64"],
])("a machine that uname calls %s is Debian's %s", (machine, architecture) => {
  expect(architectureOfMachine(machine)).toBe(architecture);
});

// The first bytes of /usr/bin/dpkg in Debian's packages of the architecture.
it.each([
  ["i386", "7f454c4601010100000000000000000003000300"],
  ["amd64", "7f454c4602010100000000000000000003003e00"],
  ["arm64", "7f454c460201010000000000000000000300b700"],
  ["ppc64el", "7f454c4602010100000000000000000003001500"],
  ["s390x", "7f454c4602020100000000000000000000030016"],
  ["riscv64", "7f454c460201010000000000000000000300f300"],
])("a program for %s is known by its head", (architecture, head) => {
  expect(architectureOfElf(Buffer.from(head, "hex"))).toBe(architecture);
});

it.each([
  ["x32, which has amd64's machine", "7f454c4601010100000000000000000003003e00"],
  ["ARM, of which Debian has two", "7f454c4601010100000000000000000003002800"],
  ["a script", Buffer.from("#!/bin/sh\nexec dpkg.distrib").toString("hex")],
  ["a file cut short", "7f454c460201010000"],
])("dpkg itself is asked for %s", (_, head) => {
  expect(architectureOfElf(Buffer.from(head, "hex"))).toBeUndefined();
});

describe("the node's architecture", () => {
  it("is what dpkg prints, without running it", async () => {
    const dpkg = execFileSync("sh", ["-c", "command -v dpkg"], { encoding: "utf8" }).trim();
    const printed = execFileSync(dpkg, ["--print-architecture"], { encoding: "utf8" }).trim();
    expect(architectureOfElf(readFileSync(dpkg))).toBe(printed);
    const host = testHost();
    expect(await nodeArchitecture(host)).toBe(printed);
    expect(host.logged()).not.toContain("dpkg");
  });

  it("is not that of a file which is no program, or cannot be looked at", async () => {
    const directory = temporaryDirectory();
    mkdirSync(join(directory, "data"));
    writeFileSync(join(directory, "data", "dpkg"), Buffer.from("7f454c460201010000000000000000000300b700", "hex"));
    mkdirSync(join(directory, "loop"));
    symlinkSync("dpkg", join(directory, "loop", "dpkg"));
    const fakes = fakeCommands({ dpkg: "echo sparc64" });
    const path = `${join(directory, "data")}:${join(directory, "loop")}:${fakes.path}`;
    expect(await nodeArchitecture(testHost({ path }))).toBe("sparc64");
  });

  it("is asked of a dpkg that is a script", async () => {
    const fakes = fakeCommands({ dpkg: "echo sparc64" });
    expect(await nodeArchitecture(testHost({ path: fakes.path }))).toBe("sparc64");
    expect(fakes.calls()).toEqual(["dpkg --print-architecture"]);
  });
});
