import type { Config } from "../../config/config.ts";
import { hypervisorParameter, type Instance } from "../../os-api/request.ts";
import { type BootLoader, bootsKernelOfNode } from "./choice.ts";

/** What will probably not boot, as sentences. Pure. */
export function bootWarnings(
  config: Pick<Config, "partitionStyle">,
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
