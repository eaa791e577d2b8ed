import type { Config } from "../../config/config.ts";
import { KnownError } from "../../host/errors.ts";
import type { Host } from "../../host/host.ts";
import { requireTools } from "../../host/tools.ts";
import type { Instance } from "../../os-api/request.ts";
import { bootsKernelOfNode, decideBootLoader, hypervisorParameter, type BootLoader } from "./choice.ts";
import { grubPlatforms } from "./grub-platforms.ts";

/** The disk as far as booting goes: logical sector size in bytes. */
interface BootDisk {
  readonly sectorSize: number;
}

/**
 * Whether the chosen boot loader can start this guest from this disk; to be called before the disk is touched. Throws
 * KnownError for what cannot work, and warns of what probably does not.
 */
export function checkBootLoader(host: Host, config: Config, instance: Instance, disk: BootDisk): void {
  const loader = decideBootLoader(config, instance);
  if (loader !== "none") refuseImpossible(host, config, loader, disk);
  for (const warning of bootWarnings(config, instance, loader)) host.log.warn(warning);
}

function refuseImpossible(host: Host, config: Config, loader: BootLoader, disk: BootDisk): void {
  if (config.partitionStyle === "none") {
    throw new KnownError(`BOOTLOADER=${loader} needs a partition table: PARTITION_STYLE=none leaves no room for it`, {
      hint: "set PARTITION_STYLE to msdos or gpt, or BOOTLOADER=none for a kernel of the node, pygrub or pvgrub",
    });
  }
  if (config.kernel === "none") {
    throw new KnownError(`BOOTLOADER=${loader} has nothing to start with KERNEL=none`, {
      hint: "set KERNEL=auto, or BOOTLOADER=none",
    });
  }
  if (loader === "extlinux") refuseExtlinux(config);
  const needsBios = loader === "extlinux" || grubPlatforms(config).every(({ efiFile }) => efiFile === undefined);
  if (needsBios && disk.sectorSize !== 512) {
    throw new KnownError(`a BIOS cannot start from a disk with sectors of ${String(disk.sectorSize)} bytes`, {
      hint: "set PARTITION_STYLE=gpt with BOOTLOADER=grub and start by UEFI, or BOOTLOADER=none",
    });
  }
  if (loader === "grub" && config.partitionStyle === "gpt") {
    requireTools(host, [
      { command: "mkfs.vfat", package: "dosfstools" },
      { command: "mcopy", package: "mtools" },
    ]);
  }
}

function refuseExtlinux(config: Config): void {
  const other = (reason: string): KnownError =>
    new KnownError(`BOOTLOADER=extlinux ${reason}`, { hint: "set BOOTLOADER=grub" });
  if (!["amd64", "i386"].includes(config.arch)) throw other(`does not exist for ${config.arch}`);
  if (config.partitionStyle === "gpt") throw other("is installed on msdos disks only");
  if (!config.filesystem.startsWith("ext")) throw other(`cannot read ${config.filesystem} as mkfs makes it today`);
}

/** What will probably not boot, as sentences. Pure. */
export function bootWarnings(
  config: Pick<Config, "partitionStyle" | "bootloader">,
  instance: Instance,
  loader: BootLoader,
): readonly string[] {
  return [...rootPathWarnings(config, instance), ...firmwareWarnings(config, instance, loader)];
}

const rootPartitionNumber = { none: "", msdos: "1", gpt: "3" } as const;

// Ganeti hands root_path to the kernel it starts; a name by UUID or LABEL fits any layout.
function rootPathWarnings({ partitionStyle }: Pick<Config, "partitionStyle">, instance: Instance): readonly string[] {
  const path = hypervisorParameter(instance, "root_path");
  const match = /^\/dev\/(?<disk>(?:vd|xvd|sd|hd)[a-z]+)(?<number>\d*)$/.exec(path);
  if (match?.groups === undefined || !bootsKernelOfNode(instance)) return [];
  const wanted = rootPartitionNumber[partitionStyle];
  if (match.groups["number"] === wanted) return [];
  const right = `/dev/${match.groups["disk"] ?? ""}${wanted}`;
  const where = partitionStyle === "none" ? "on the disk itself" : `in partition ${wanted}`;
  return [
    `the instance's root_path is ${path}, but with PARTITION_STYLE=${partitionStyle} the root filesystem is ${where}: ` +
      `gnt-instance modify -H root_path=${right} ${instance.name}`,
  ];
}

function firmwareWarnings(
  { partitionStyle }: Pick<Config, "partitionStyle">,
  instance: Instance,
  loader: BootLoader,
): readonly string[] {
  if (instance.hypervisor !== "kvm" || bootsKernelOfNode(instance)) return [];
  if (hypervisorParameter(instance, "boot_type") === "uefi" && partitionStyle !== "gpt") {
    return [`the instance starts by UEFI, which needs PARTITION_STYLE=gpt: ${partitionStyle} will not boot`];
  }
  if (loader !== "none") return [];
  return [
    "the instance starts from its disk (kernel_path is empty), but no boot loader is installed: BOOTLOADER=auto and PARTITION_STYLE=msdos or gpt install one",
  ];
}
