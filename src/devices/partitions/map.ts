import { open } from "node:fs/promises";
import type { Owned } from "../../host/disposal.ts";
import { KnownError, messageOf } from "../../host/errors.ts";
import type { Host } from "../../host/host.ts";
import { findCommand } from "../../host/process/tools.ts";
import { attachLoop } from "../attach/loop.ts";
import { mapWithKpartx } from "./kpartx.ts";
import type { Partition } from "./table.ts";

export type PartitionMapper = "auto" | "kpartx" | "loop";

/** The block device of a partition. */
export interface MappedPartition {
  readonly device: string;
}

/** The facts of a disk that its partition map depends on. */
export interface MappableDisk {
  readonly realPath: string;
  readonly kind: "block" | "file";
  /** Always a block device: `realPath`, or the loop device on a file. */
  readonly device: string;
  readonly readOnly: boolean;
}

/**
 * Makes one partition of a disk a block device of its own, found by its start and size (in sectors of `sectorSize`):
 * the kernel's own partition devices do not exist for logical volumes and come late for others.
 */
export async function mapPartition(
  host: Host,
  disk: MappableDisk,
  partition: Pick<Partition, "startSector" | "sectors">,
  sectorSize: number,
  mapper: PartitionMapper,
): Promise<MappedPartition & Owned> {
  const extent = { offset: partition.startSector * sectorSize, sizeLimit: partition.sectors * sectorSize };
  if ((await chooseMapper(host, mapper)) === "kpartx") return await mapWithKpartx(host, disk, extent);
  // A file is mapped directly: a loop device on the disk's loop device would copy every page twice.
  const backing = disk.kind === "file" ? disk.realPath : disk.device;
  return await attachLoop(host, backing, { ...extent, sectorSize, readOnly: disk.readOnly });
}

/**
 * Chooses kpartx when it is installed and device-mapper works, otherwise a loop device; a setting overrides that.
 * Throws KnownError for kpartx without device-mapper: call it before a disk is touched. `control` is the kernel's node.
 */
export async function chooseMapper(
  host: Host,
  mapper: PartitionMapper,
  control = "/dev/mapper/control",
): Promise<"kpartx" | "loop"> {
  if (mapper === "loop") return "loop";
  const missing =
    findCommand(host, "kpartx") === undefined ? "kpartx is not installed" : await whyNoDeviceMapper(control);
  if (missing === undefined) return "kpartx";
  if (mapper === "auto") return "loop";
  throw new KnownError(`PARTITION_MAPPER=kpartx cannot work here: ${missing}`, {
    hint: "modprobe dm_mod and install kpartx, or set PARTITION_MAPPER=loop",
  });
}

// The device node may exist without its driver. Opening it loads the module, or fails.
async function whyNoDeviceMapper(control: string): Promise<string | undefined> {
  try {
    await (await open(control, "r")).close();
    return undefined;
  } catch (error) {
    return `the kernel has no device-mapper (${messageOf(error)})`;
  }
}
