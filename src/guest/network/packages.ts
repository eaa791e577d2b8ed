import type { Config } from "../../config/config.ts";
import { releaseOf } from "../../releases/release.ts";
import { compareVersions } from "../../releases/versions.ts";

/**
 * The packages without which a system could not bring an interface up, besides those a plain bootstrap brings: none
 * where no network is wanted, or where the bootstrap is a plain one. They belong to the cached system and to its key.
 */
export function networkPackages({
  network,
  suite,
  debootstrapOptions,
}: Pick<Config, "network" | "suite" | "debootstrapOptions">): readonly string[] {
  if (network === "none" || !debootstrapOptions.some(isSmaller)) return [];
  return releaseOf(suite).family === "ubuntu" ? ["netplan.io"] : ["ifupdown", dhcpClient(suite)];
}

// A variant (minbase) that leaves out what is only important, or an exclusion.
function isSmaller(option: string): boolean {
  return /^--(?:variant|exclude)(?:=|$)/.test(option);
}

// ISC's went out of Debian's important packages with trixie, whose kernel is 6.12.
function dhcpClient(suite: string): string {
  return compareVersions(releaseOf(suite).kernel, "6.12") < 0 ? "isc-dhcp-client" : "dhcpcd-base";
}
