import type { Config } from "../../config/config.ts";
import type { Instance } from "../../os-api/request.ts";
import { type InstanceConsole, instanceConsole } from "../console/serial-console.ts";
import { type BootLoader, decideBootLoader } from "./choice.ts";
import { type GrubPlatform, grubPlatforms } from "./grub/platforms.ts";
import { bootPackages, kernelToInstall } from "./packages.ts";
import { bootWarnings } from "./warnings.ts";

/** The settings that booting depends on. */
export type BootSettings = Pick<Config, "bootloader" | "kernel" | "partitionStyle" | "suite" | "arch">;

/** How a guest will start: plain data, decided once, by which cache, checks and installation go. */
export interface BootPlan {
  readonly loader: BootLoader;
  /** The platforms that grub is installed for; empty for every other boot loader. */
  readonly platforms: readonly GrubPlatform[];
  /** The kernel's package; undefined: the system gets none. */
  readonly kernel: string | undefined;
  /**
   * The packages that make the guest boot, kernel and boot loader: they belong to the cached system and to its key. What
   * depends on the disk does not.
   */
  readonly packages: readonly string[];
  readonly console: InstanceConsole;
  /** What will probably not boot, as sentences. */
  readonly warnings: readonly string[];
}

/**
 * Decides how the instance will start. Pure. Throws KnownError where `KERNEL=auto` or the boot loader does not exist for
 * the architecture.
 */
export function planBoot(config: BootSettings, instance: Instance): BootPlan {
  const loader = decideBootLoader(config, instance);
  const kernel = kernelToInstall(config, instance, loader);
  const platforms = loader === "grub" ? grubPlatforms(config) : [];
  return {
    loader,
    platforms,
    kernel,
    packages: bootPackages(loader, kernel, platforms),
    console: instanceConsole(instance, config.arch),
    warnings: bootWarnings(config, instance, loader),
  };
}
