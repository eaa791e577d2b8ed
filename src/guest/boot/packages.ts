import type { Config } from "../../config/config.ts";
import type { Instance } from "../../os-api/request.ts";
import { type BootLoader, bootsKernelOfNode, decideBootLoader, usesPygrub } from "./choice.ts";
import { grubPlatforms } from "./grub-platforms.ts";
import { kernelPackage } from "./kernel-package.ts";

/**
 * The packages that make the guest boot: they belong to the cached system and to its key, what depends on the disk does
 * not. Pure. Throws KnownError where `KERNEL=auto` or the boot loader does not exist for the architecture.
 */
export function bootPackages(config: Config, instance: Instance): readonly string[] {
  const loader = decideBootLoader(config, instance);
  return [...kernelPackages(config, instance, loader), ...loaderPackages(config, loader)];
}

function kernelPackages(config: Config, instance: Instance, loader: BootLoader): readonly string[] {
  if (config.kernel === "none") return [];
  if (config.kernel !== "auto") return [config.kernel];
  return loader !== "none" || readsKernelFromGuest(instance) ? [kernelPackage(config, instance)] : [];
}

function readsKernelFromGuest(instance: Instance): boolean {
  return usesPygrub(instance) && !bootsKernelOfNode(instance);
}

function loaderPackages(config: Config, loader: BootLoader): readonly string[] {
  switch (loader) {
    case "none":
      return [];
    case "extlinux":
      return ["extlinux", "syslinux-common"];
    case "grub":
      return grubPlatforms(config).flatMap(({ packages }) => packages);
  }
}
