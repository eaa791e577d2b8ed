import type { Config } from "../../config/config.ts";
import { KnownError } from "../../host/errors.ts";
import type { Instance } from "../../os-api/request.ts";
import { kernelPackages } from "../../releases/kernel-packages.ts";
import { hypervisorParameter } from "./choice.ts";

/**
 * The package that KERNEL=auto stands for. The kernels for virtual machines have virtio, Xen's front ends, AHCI and
 * PIIX, but not the LSI adapter of disk_type=scsi nor the emulated network cards (e1000, rtl8139): they are taken only
 * where the instance is known to use neither. Throws KnownError for an architecture without a known kernel.
 */
export function kernelPackage(config: Pick<Config, "suite" | "arch">, instance: Instance): string {
  const packages = kernelPackages(config.suite, config.arch);
  if (packages === undefined) {
    throw new KnownError(`KERNEL=auto knows no kernel of ${config.suite} for ${config.arch}`, {
      hint: "set KERNEL to the name of a package, or KERNEL=none for a kernel outside of the guest",
    });
  }
  const { generic, virtual } = packages;
  return virtual !== undefined && hasVirtualDevicesOnly(instance) ? virtual : generic;
}

function hasVirtualDevicesOnly(instance: Instance): boolean {
  if (instance.hypervisor === "xen-pvm") return true;
  if (instance.hypervisor !== "kvm" && instance.hypervisor !== "xen-hvm") return false;
  return ["disk_type", "nic_type"].every((name) => hypervisorParameter(instance, name) === "paravirtual");
}
