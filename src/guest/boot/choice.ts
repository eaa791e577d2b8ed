import type { Config } from "../../config/config.ts";
import { hypervisorParameter, type Instance } from "../../os-api/request.ts";

/** What starts the kernel from the instance's disk; `none`: the hypervisor does, with a kernel of its own or the guest's. */
export type BootLoader = "none" | "grub" | "extlinux";

/** Whether the hypervisor starts a kernel that lies on the node (kernel_path), or says so with boot_type (Ganeti 4.0). */
export function bootsKernelOfNode(instance: Instance): boolean {
  const bootType = hypervisorParameter(instance, "boot_type");
  if (bootType !== "") return bootType === "direct_kernel";
  if (usesPygrub(instance)) return false;
  return hypervisorParameter(instance, "kernel_path") !== "";
}

/** Whether Xen reads kernel and configuration from the guest (pygrub, pvgrub: xen-pvm's use_bootloader). */
export function usesPygrub(instance: Instance): boolean {
  return instance.hypervisor === "xen-pvm" && hypervisorParameter(instance, "use_bootloader") === "True";
}

/**
 * The boot loader to install: BOOTLOADER, or for `auto` what the instance needs to start by itself. kvm without
 * kernel_path and xen-hvm start from the disk by BIOS or UEFI; xen-pvm and kernels of the node need none; an instance
 * of which nothing is known gets one where the partition style has room for it.
 */
export function decideBootLoader(
  config: Pick<Config, "bootloader" | "partitionStyle">,
  instance: Instance,
): BootLoader {
  if (config.bootloader !== "auto") return config.bootloader;
  if (config.partitionStyle === "none" || bootsKernelOfNode(instance)) return "none";
  return startsFromDisk(instance.hypervisor) ? "grub" : "none";
}

function startsFromDisk(hypervisor: string | undefined): boolean {
  return hypervisor === undefined || hypervisor === "kvm" || hypervisor === "xen-hvm";
}
