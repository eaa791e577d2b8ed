import type { Config } from "../../config/config.ts";
import { KnownError } from "../../host/errors.ts";
import type { Host } from "../../host/host.ts";
import { requireTools } from "../../host/process/tools.ts";
import { toolsFor } from "../../host/process/tools-table.ts";
import type { BootPlan } from "./plan.ts";

/** The disk as far as booting goes: logical sector size in bytes. */
interface BootDisk {
  readonly sectorSize: number;
}

type BootLayout = Pick<Config, "partitionStyle">;

/**
 * Whether the guest can start from this disk as planned; to be called before the disk is touched. Throws KnownError for
 * what cannot work, and warns of what probably does not. Settings that do not go together are refused with the settings
 * already (config/values/rules.ts).
 */
export function checkBoot(host: Host, plan: BootPlan, layout: BootLayout, disk: BootDisk): void {
  if (plan.loader !== "none") refuseImpossible(host, plan, layout, disk);
  for (const warning of plan.warnings) host.log.warn(warning);
}

function refuseImpossible(
  host: Host,
  { loader, kernel, platforms }: BootPlan,
  layout: BootLayout,
  disk: BootDisk,
): void {
  if (kernel === undefined) {
    throw new KnownError(`BOOTLOADER=${loader} has nothing to start with KERNEL=none`, {
      hint: "set KERNEL=auto, or BOOTLOADER=none",
    });
  }
  const needsBios = loader === "extlinux" || platforms.every(({ efiFile }) => efiFile === undefined);
  if (needsBios && disk.sectorSize !== 512) {
    throw new KnownError(`a BIOS cannot start from a disk with sectors of ${String(disk.sectorSize)} bytes`, {
      hint: "set PARTITION_STYLE=gpt with BOOTLOADER=grub and start by UEFI, or BOOTLOADER=none",
    });
  }
  if (loader === "grub" && layout.partitionStyle === "gpt") {
    requireTools(host, toolsFor("espImage"));
  }
}
