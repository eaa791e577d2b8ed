import { quoteAssignment } from "../host/errors.ts";
import type { Config } from "./config.ts";

// Hooks get these as separate variables.
const passed = ["SUITE", "ARCH", "PARTITION_STYLE", "EXTRA_PKGS"];

/**
 * The settings as shell assignments, in the variable that `common.sh` reads them from. Hooks that source it find
 * $PROXY, $MIRROR and the others, as with the original. The programs that hooks run do not inherit them.
 */
export function hookSettings({ settings }: Pick<Config, "settings">): Readonly<Record<string, string>> {
  const assignments = Object.entries(settings)
    .filter(([name]) => !passed.includes(name))
    .map(([name, value]) => quoteAssignment(name, value));
  return { INSTANCE_DEBOOTSTRAP_SETTINGS: assignments.join("\n") };
}
