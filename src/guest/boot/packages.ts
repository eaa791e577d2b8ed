import type { Instance } from "../../os-api/request.ts";
import { hypervisorParameter } from "../../os-api/request.ts";
import { KnownError } from "../../host/errors.ts";
import { kernelPackages } from "../../releases/kernel-packages.ts";
import type { Config } from "../../config/config.ts";
import { type BootLoader, bootsKernelOfNode, usesPygrub } from "./choice.ts";
import type { GrubPlatform } from "./grub/platforms.ts";

type KernelSettings = Pick<Config, "kernel" | "suite" | "arch">;

/** The packages of a kernel and a boot loader, in the order in which they stand in a cache's key. */
export function bootPackages(
  loader: BootLoader,
  kernel: string | undefined,
  platforms: readonly GrubPlatform[],
): readonly string[] {
  const extlinux = loader === "extlinux" ? ["extlinux", "syslinux-common"] : [];
  return [...(kernel === undefined ? [] : [kernel]), ...extlinux, ...platforms.flatMap(({ packages }) => packages)];
}

/**
 * The kernel package that the guest gets: the one KERNEL names, for `auto` one where a boot loader, pygrub or pvgrub
 * starts it from the guest's disk. Throws KnownError as {@link kernelForInstance}.
 */
export function kernelToInstall(config: KernelSettings, instance: Instance, loader: BootLoader): string | undefined {
  if (config.kernel === "none") return undefined;
  if (config.kernel !== "auto") return config.kernel;
  return loader !== "none" || readsKernelFromGuest(instance) ? kernelForInstance(config, instance) : undefined;
}

function readsKernelFromGuest(instance: Instance): boolean {
  return usesPygrub(instance) && !bootsKernelOfNode(instance);
}

/**
 * The package that KERNEL=auto stands for. The kernels for virtual machines have virtio, Xen's front ends, AHCI and
 * PIIX, but not the LSI adapter of disk_type=scsi nor the emulated network cards (e1000, rtl8139): they are taken only
 * where the instance is known to use neither. Throws KnownError for an architecture without a known kernel.
 */
function kernelForInstance({ suite, arch }: KernelSettings, instance: Instance): string {
  const packages = kernelPackages(suite, arch);
  if (packages === undefined) {
    throw new KnownError(`KERNEL=auto knows no kernel of ${suite} for ${arch}`, {
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
