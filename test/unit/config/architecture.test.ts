import { expect, it } from "vitest";
import { architectureOfMachine } from "../../../src/config/architecture.ts";

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
