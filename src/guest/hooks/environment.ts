import type { Config } from "../../config/config.ts";
import { hookSettings } from "../../config/hook-settings.ts";
import type { InstalledGuest } from "../tree/installed-guest.ts";

/**
 * The environment of the hooks, as the original gives it: Ganeti's, OS parameters included, as the settings files left
 * it (set, changed or unset), then the facts of this guest. What common.sh gives hooks besides comes in one variable of
 * its own.
 */
export function hookEnvironment(config: Config, { files, root }: InstalledGuest): Record<string, string> {
  return {
    ...config.environment,
    ...hookSettings(config),
    TARGET: files.root,
    SUITE: config.suite,
    ARCH: config.arch,
    PARTITION_STYLE: config.partitionStyle,
    EXTRA_PKGS: config.extraPackages.join(","),
    BLOCKDEV: root.disk.device,
    FSYSDEV: root.device,
  };
}
