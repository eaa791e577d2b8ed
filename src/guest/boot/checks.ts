import type { Config } from "../../config/config.ts";
import { KnownError } from "../../host/errors.ts";
import type { Host } from "../../host/host.ts";
import { requireTools } from "../../host/tools.ts";
import { toolsFor } from "../../host/tools-table.ts";
import type { BootPlan } from "./plan.ts";

/** The disk as far as booting goes: logical sector size in bytes. */
interface BootDisk {
  readonly sectorSize: number;
}

type BootLayout = Pick<Config, "partitionStyle" | "filesystem" | "arch">;

/**
 * Whether the guest can start from this disk as planned; to be called before the disk is touched. Throws KnownError for
 * what cannot work, and warns of what probably does not.
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
  if (layout.partitionStyle === "none") {
    throw new KnownError(`BOOTLOADER=${loader} needs a partition table: PARTITION_STYLE=none leaves no room for it`, {
      hint: "set PARTITION_STYLE to msdos or gpt, or BOOTLOADER=none for a kernel of the node, pygrub or pvgrub",
    });
  }
  if (kernel === undefined) {
    throw new KnownError(`BOOTLOADER=${loader} has nothing to start with KERNEL=none`, {
      hint: "set KERNEL=auto, or BOOTLOADER=none",
    });
  }
  if (loader === "extlinux") refuseExtlinux(layout);
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

function refuseExtlinux(config: BootLayout): void {
  const other = (reason: string): KnownError =>
    new KnownError(`BOOTLOADER=extlinux ${reason}`, { hint: "set BOOTLOADER=grub" });
  if (!["amd64", "i386"].includes(config.arch)) throw other(`does not exist for ${config.arch}`);
  if (config.partitionStyle === "gpt") throw other("is installed on msdos disks only");
  if (!config.filesystem.startsWith("ext")) throw other(`cannot read ${config.filesystem} as mkfs makes it today`);
}
