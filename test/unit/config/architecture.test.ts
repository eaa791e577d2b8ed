import { machine } from "node:os";
import { describe, expect, it } from "vitest";
import { architectureOfMachine, nodeArchitecture } from "../../../src/config/architecture.ts";
import { fakeCommands, testHost } from "../../fixtures/test-host.ts";

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

describe("the node's architecture", () => {
  it("is what dpkg prints", async () => {
    const fakes = fakeCommands({ dpkg: "echo sparc64" });
    expect(await nodeArchitecture(testHost({ path: fakes.path }))).toBe("sparc64");
    expect(fakes.calls()).toEqual(["dpkg --print-architecture"]);
  });

  it("is the kernel's where dpkg fails", async () => {
    const fakes = fakeCommands({ dpkg: "exit 2" });
    expect(await nodeArchitecture(testHost({ path: fakes.path }))).toBe(architectureOfMachine(machine()));
  });
});
