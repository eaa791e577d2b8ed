import { describe, expect, test } from "vitest";
import { instanceConsole } from "../../../../src/guest/console/serial-console.ts";
import type { Instance } from "../../../../src/os-api/request.ts";

function instance(hypervisor: string | undefined, hypervisorParameters: Record<string, string>): Instance {
  return { name: "host1.example.com", hypervisor, hypervisorParameters, disks: [], nics: [] };
}

describe("the console of an instance", () => {
  test.each([
    ["kvm", { serial_console: "True", serial_speed: "115200" }, { port: "ttyS0", speed: 115_200, isLine: true }],
    ["kvm", { serial_console: "True" }, { port: "ttyS0", speed: 38_400, isLine: true }],
    ["kvm", { serial_console: "True", serial_speed: "fast\nx" }, { port: "ttyS0", speed: 38_400, isLine: true }],
    ["kvm", { serial_console: "False" }, undefined],
    ["xen-pvm", {}, { port: "hvc0", speed: 38_400, isLine: false }],
    ["xen-pvm", { serial_console: "True" }, { port: "ttyS0", speed: 38_400, isLine: true }],
    [undefined, {}, undefined],
  ])("under %s with %o is %o", (hypervisor, parameters, serial) => {
    expect(instanceConsole(instance(hypervisor, parameters as Record<string, string>), "amd64").serial).toEqual(serial);
  });

  test.each([
    ["amd64", "ttyS0", ["console=tty0", "console=ttyS0,115200n8"], 115_200],
    ["riscv64", "ttyS0", ["console=tty0", "console=ttyS0,115200n8"], 115_200],
    ["arm64", "ttyAMA0", ["console=tty0", "console=ttyAMA0,115200n8"], 115_200],
    ["armhf", "ttyAMA0", ["console=tty0", "console=ttyAMA0,115200n8"], 115_200],
    ["ppc64el", "hvc0", ["console=hvc0"], undefined],
    ["s390x", "ttysclp0", ["console=ttysclp0"], undefined],
  ] as const)("is one line for login, kernel and boot loader on %s: %s", (arch, port, kernelArguments, serialSpeed) => {
    const kvm = instance("kvm", { serial_console: "True", serial_speed: "115200" });
    const console = instanceConsole(kvm, arch);
    expect(console).toMatchObject({ kernelArguments, serialSpeed });
    expect(console.serial).toEqual({ port, speed: 115_200, isLine: serialSpeed !== undefined });
  });

  test("is hvc0 under Xen, of which grub knows nothing", () => {
    expect(instanceConsole(instance("xen-pvm", {}), "amd64")).toMatchObject({
      kernelArguments: ["console=hvc0"],
      serialSpeed: undefined,
    });
  });

  test("is the screen alone for an instance without a serial console", () => {
    const silent = { serial: undefined, kernelArguments: [], serialSpeed: undefined };
    expect(instanceConsole(instance("kvm", { serial_console: "False" }), "amd64")).toEqual(silent);
  });
});
