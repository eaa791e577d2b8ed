import type { Setting } from "../setting.ts";
import { oneOf, text } from "../value-types.ts";

/** How the guest starts. */
export const bootSettings = {
  BOOTLOADER: {
    key: "bootloader",
    ...oneOf("none", "grub", "extlinux", "auto"),
    default: "none",
    help: "Boot loader to install. auto decides by the instance's hypervisor, kernel_path and boot_type.",
    perInstance: { name: "bootloader", kind: "public" },
    applies: ["create", "cache"],
  },
  KERNEL: {
    key: "kernel",
    type: text(/^[a-z0-9][a-z0-9+.-]*$/),
    default: "auto",
    help: "Kernel package to install with a boot loader: a name, auto (fits suite and architecture) or none.",
    expected: "auto, none or the name of a package",
    example: "linux-image-cloud-amd64",
    perInstance: { name: "kernel", kind: "public", needsPermission: true },
    applies: ["create", "cache"],
  },
} as const satisfies Record<string, Setting>;
