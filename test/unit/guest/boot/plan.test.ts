import { describe, expect, test } from "vitest";
import type { Config } from "../../../../src/config/config.ts";
import { checkBoot } from "../../../../src/guest/boot/checks.ts";
import { planBoot } from "../../../../src/guest/boot/plan.ts";
import type { Instance } from "../../../../src/os-api/request.ts";
import { testConfig } from "../../../fixtures/config.ts";
import { testHost } from "../../../fixtures/test-host.ts";

function instance(hypervisor: string | undefined, hypervisorParameters: Record<string, string> = {}): Instance {
  return { name: "host1.example.com", hypervisor, hypervisorParameters, disks: [], nics: [] };
}

function config(changes: Partial<Config> = {}): Config {
  return testConfig("/nonexistent", {
    suite: "trixie",
    arch: "amd64",
    bootloader: "auto",
    partitionStyle: "msdos",
    kernel: "auto",
    ...changes,
  });
}

const paravirtual = { disk_type: "paravirtual", nic_type: "paravirtual" };

describe("BOOTLOADER=auto", () => {
  test.each([
    ["kvm without kernel_path starts from its disk", "kvm", { kernel_path: "" }, "msdos", "grub"],
    ["kvm with a kernel of the node needs none", "kvm", { kernel_path: "/boot/vmlinuz-3-kvmU" }, "msdos", "none"],
    [
      "kvm by BIOS, although kernel_path is set (Ganeti 4.0)",
      "kvm",
      { kernel_path: "/boot/vmlinuz", boot_type: "bios" },
      "msdos",
      "grub",
    ],
    ["kvm by UEFI", "kvm", { boot_type: "uefi" }, "gpt", "grub"],
    ["kvm told to start a kernel", "kvm", { kernel_path: "", boot_type: "direct_kernel" }, "gpt", "none"],
    ["xen-hvm starts from its disk", "xen-hvm", {}, "msdos", "grub"],
    ["xen-pvm starts a kernel of the node", "xen-pvm", { kernel_path: "/boot/vmlinuz-3-xenU" }, "msdos", "none"],
    ["xen-pvm by pygrub reads a menu, no boot loader", "xen-pvm", { use_bootloader: "True" }, "msdos", "none"],
    ["a container starts no kernel", "lxc", {}, "msdos", "none"],
    ["an unknown hypervisor may start from the disk", undefined, {}, "msdos", "grub"],
    ["Python's None is no kernel", "kvm", { kernel_path: "None" }, "msdos", "grub"],
    ["a disk without partitions has no room for one", "kvm", { kernel_path: "" }, "none", "none"],
  ] as const)("%s", (_, hypervisor, parameters, partitionStyle, expected) => {
    expect(planBoot(config({ partitionStyle }), instance(hypervisor, parameters)).loader).toBe(expected);
  });

  test("what is set is taken whatever the hypervisor", () => {
    const kernelOfNode = instance("kvm", { kernel_path: "/boot/vmlinuz" });
    expect(planBoot(config({ bootloader: "extlinux" }), kernelOfNode).loader).toBe("extlinux");
  });
});

describe("packages for booting", () => {
  test.each([
    ["a BIOS guest", {}, "kvm", paravirtual, ["linux-image-cloud-amd64", "grub-pc"]],
    [
      "gpt adds UEFI",
      { partitionStyle: "gpt" },
      "kvm",
      paravirtual,
      ["linux-image-cloud-amd64", "grub-pc", "grub-efi-amd64-bin"],
    ],
    [
      "extlinux",
      { bootloader: "extlinux" },
      "kvm",
      paravirtual,
      ["linux-image-cloud-amd64", "extlinux", "syslinux-common"],
    ],
    [
      "an emulated card needs every driver",
      {},
      "kvm",
      { ...paravirtual, nic_type: "e1000" },
      ["linux-image-amd64", "grub-pc"],
    ],
    ["unknown devices need every driver", {}, "kvm", {}, ["linux-image-amd64", "grub-pc"]],
    ["no loader, no kernel", { bootloader: "none" }, "kvm", paravirtual, []],
    [
      "a kernel by name, without a loader",
      { bootloader: "none", kernel: "linux-image-rt-amd64" },
      "kvm",
      {},
      ["linux-image-rt-amd64"],
    ],
    [
      "pygrub needs a kernel in the guest",
      { bootloader: "none" },
      "xen-pvm",
      { use_bootloader: "True" },
      ["linux-image-cloud-amd64"],
    ],
    ["xen-pvm with a kernel of the node", { bootloader: "none" }, "xen-pvm", { kernel_path: "/boot/vmlinuz" }, []],
    ["Debian before its cloud kernel", { suite: "stretch" }, "kvm", paravirtual, ["linux-image-amd64", "grub-pc"]],
    ["Ubuntu", { suite: "noble" }, "kvm", paravirtual, ["linux-image-virtual", "grub-pc"]],
    ["Ubuntu on emulated devices", { suite: "noble" }, "kvm", {}, ["linux-image-generic", "grub-pc"]],
    [
      "i386",
      { suite: "bookworm", arch: "i386", partitionStyle: "gpt" },
      "kvm",
      paravirtual,
      ["linux-image-686-pae", "grub-pc", "grub-efi-ia32-bin"],
    ],
    [
      "arm64 starts by UEFI only",
      { arch: "arm64", partitionStyle: "gpt" },
      "kvm",
      paravirtual,
      ["linux-image-cloud-arm64", "grub-efi-arm64"],
    ],
  ] as const)("%s", (_, changes, hypervisor, parameters, expected) => {
    expect(planBoot(config(changes), instance(hypervisor, parameters)).packages).toEqual(expected);
  });

  test("refuses what does not exist, with the remedy", () => {
    const kvm = instance("kvm", paravirtual);
    expect(() => planBoot(config({ suite: "trixie", arch: "i386" }), kvm)).toThrow(/KERNEL=auto knows no kernel/);
    expect(() => planBoot(config({ arch: "arm64" }), kvm)).toThrow(/without PARTITION_STYLE=gpt/);
    expect(() => planBoot(config({ arch: "s390x", partitionStyle: "gpt" }), kvm)).toThrow(
      /cannot be installed for s390x/,
    );
  });
});

describe("before the disk is touched", () => {
  const disk = { sectorSize: 512 };
  const kvm = instance("kvm", { ...paravirtual, kernel_path: "" });

  test.each([
    ["a boot loader without a kernel", { bootloader: "grub", kernel: "none" }, disk, /nothing to start/],
    ["a BIOS on sectors of 4096 bytes", { bootloader: "grub" }, { sectorSize: 4096 }, /BIOS cannot start/],
  ] as const)("%s is refused", (_, changes, onDisk, message) => {
    expect(() => {
      const settings = config(changes);
      checkBoot(testHost(), planBoot(settings, kvm), settings, onDisk);
    }).toThrow(message);
  });

  test("a gpt disk for grub needs the tools for an EFI system partition, named with their packages", () => {
    const host = testHost({ path: "/nonexistent" });
    expect(() => {
      const settings = config({ partitionStyle: "gpt" });
      checkBoot(host, planBoot(settings, kvm), settings, disk);
    }).toThrow(/mcopy, mmd, mkfs.vfat/);
  });

  test.each([
    ["none", "/dev/vda1", "/dev/vda"],
    ["msdos", "/dev/vda", "/dev/vda1"],
    ["msdos", "/dev/xvda2", "/dev/xvda1"],
    ["gpt", "/dev/vda1", "/dev/vda3"],
  ] as const)("a root_path that does not fit PARTITION_STYLE=%s is warned about: %s", (partitionStyle, path, right) => {
    const started = instance("kvm", { kernel_path: "/boot/vmlinuz", root_path: path });
    expect(planBoot(config({ partitionStyle, bootloader: "none" }), started).warnings).toEqual([
      expect.stringContaining(`root_path=${right} host1.example.com`),
    ]);
  });

  test.each([
    ["gpt", { kernel_path: "/boot/vmlinuz", root_path: "/dev/vda3" }],
    ["msdos", { kernel_path: "/boot/vmlinuz", root_path: "/dev/sda1" }],
    ["none", { kernel_path: "/boot/vmlinuz", root_path: "UUID=0815" }],
  ] as const)("a root_path that fits %s is not", (partitionStyle, parameters) => {
    expect(planBoot(config({ partitionStyle, bootloader: "none" }), instance("kvm", parameters)).warnings).toEqual([]);
  });

  test("a root_path that no kernel is given does not matter", () => {
    const started = instance("kvm", { kernel_path: "", root_path: "/dev/vda7" });
    expect(planBoot(config({ partitionStyle: "msdos", bootloader: "grub" }), started).warnings).toEqual([]);
  });

  test("warns of UEFI without gpt, and of kvm starting from a disk without a boot loader", () => {
    const uefi = instance("kvm", { boot_type: "uefi" });
    expect(planBoot(config({ partitionStyle: "msdos", bootloader: "grub" }), uefi).warnings).toEqual([
      expect.stringContaining("needs PARTITION_STYLE=gpt"),
    ]);
    expect(planBoot(config({ partitionStyle: "msdos", bootloader: "none" }), kvm).warnings).toEqual([
      expect.stringContaining("no boot loader is installed"),
    ]);
  });
});
