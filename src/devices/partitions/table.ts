import { randomBytes, randomUUID } from "node:crypto";
import * as z from "zod/mini";
import { CommandError, KnownError } from "../../host/errors.ts";
import type { Host } from "../../host/host.ts";
import { capture, run } from "../../host/process/run.ts";
import { readBlockDevice } from "../kernel/block-device.ts";
import {
  type Geometry,
  type PartitionPlan,
  type PartitionStyle,
  partitionTypes,
  type PlanOptions,
  planPartitions,
} from "./plan.ts";

/** A partition; `startSector` and `sectors` count logical sectors of the disk. */
export interface Partition {
  readonly number: number;
  readonly startSector: number;
  readonly sectors: number;
  /** In the form of sfdisk: hexadecimal digits (msdos), or an upper-case GUID (gpt). */
  readonly type: string;
  /** What Linux calls PARTUUID: the GUID, or disk id and number for msdos; lower case. */
  readonly uuid?: string;
  /** gpt only. */
  readonly name?: string;
  readonly bootable: boolean;
  /** gpt only, in the form of sfdisk, for example `LegacyBIOSBootable GUID:63`. */
  readonly attributes?: string;
}

export interface PartitionTable {
  readonly style: PartitionStyle;
  /** Disk id as `0x1a2b3c4d` (msdos), or an upper-case GUID (gpt). */
  readonly id: string;
  readonly sectorSize: number;
  readonly partitions: readonly Partition[];
}

/** Identifiers for a new table, so that a restored disk has those of the original. Absent ones become random. */
export interface TableIdentifiers {
  readonly id?: string | undefined;
  /** In the order of their numbers; for gpt. */
  readonly partitions?:
    readonly { readonly uuid?: string | undefined; readonly name?: string | undefined }[] | undefined;
}

export type TableOptions = PlanOptions & { readonly identifiers?: TableIdentifiers | undefined };

/** The facts of a disk that its table depends on. */
export type PartitionedDisk = Geometry & { readonly device: string };

/** Writes a new partition table, as {@link planPartitions} lays it out, and returns it. */
export async function writePartitionTable(
  host: Host,
  disk: PartitionedDisk,
  options: TableOptions,
): Promise<PartitionTable> {
  const plan = planPartitions(disk, options);
  if (plan.truncated) {
    host.log.warn(
      `${disk.device} is larger than an msdos table can address: only the first 2 TiB are used; PARTITION_STYLE=gpt uses all of it`,
    );
  }
  const table = identify(plan, disk.sectorSize, options);
  await run(host, sfdiskArguments(disk.device), {
    stdin: { text: sfdiskScript(table, plan.firstUsable) },
    shielded: true,
  });
  await nameUnusually(host, disk.device, table);
  return table;
}

/**
 * Writes a given table around filesystems that are already in their places. It touches nothing but the table and wipes
 * no signature.
 */
export async function restorePartitionTable(host: Host, device: string, table: PartitionTable): Promise<void> {
  const untouched = ["--wipe", "never", "--wipe-partitions", "never"];
  const firstUsable = 2 + Math.ceil((128 * 128) / table.sectorSize);
  await run(host, ["sfdisk", "--quiet", ...tellingNobody, ...untouched, device], {
    stdin: { text: sfdiskScript(table, firstUsable) },
    shielded: true,
  });
  await nameUnusually(host, device, table);
}

async function nameUnusually(host: Host, device: string, table: PartitionTable): Promise<void> {
  for (const { number, name } of table.partitions) {
    if (name === undefined || isPlain(name)) continue;
    await run(host, ["sfdisk", "--quiet", ...tellingNobody, "--part-label", device, String(number), name]);
  }
}

// A name in a script ends at the next double quote; sfdisk knows no escape.
function isPlain(name: string): boolean {
  return /^[^"\\\n]*$/.test(name);
}

const tellingNobody = ["--no-reread", "--no-tell-kernel"];

function sfdiskArguments(device: string): [string, ...string[]] {
  // Telling the kernel costs sfdisk a quarter of a second where the kernel cannot know partitions (loop,
  // device-mapper), and shows the guest's partitions to the node where it can. It is needed only where the kernel shows
  // older ones.
  const untold = readBlockDevice(device).partitions.length === 0 ? tellingNobody : [];
  return ["sfdisk", "--quiet", ...untold, "--wipe", "always", "--wipe-partitions", "always", device];
}

function identify(plan: PartitionPlan, sectorSize: number, { style, identifiers }: TableOptions): PartitionTable {
  const id = identifiers?.id ?? (style === "gpt" ? randomUUID().toUpperCase() : `0x${randomDiskId()}`);
  const partitions = plan.partitions.map((partition, index) => {
    const given = identifiers?.partitions?.[index];
    const name = given?.name ?? partition.name;
    const uuid =
      style === "gpt" ? (given?.uuid ?? randomUUID()).toLowerCase() : msdosPartitionUuid(id, partition.number);
    return { ...partition, uuid, ...(name === undefined ? {} : { name }) };
  });
  return { style, id, sectorSize, partitions };
}

// 0 means none.
function randomDiskId(): string {
  return Math.max(1, randomBytes(4).readUInt32BE()).toString(16).padStart(8, "0");
}

function msdosPartitionUuid(id: string, number: number): string {
  return `${id.replace(/^0x/i, "").toLowerCase().padStart(8, "0")}-${number.toString(16).padStart(2, "0")}`;
}

/** A script for sfdisk(8), everything explicit: its defaults align, reserve and choose units by version. */
export function sfdiskScript(table: PartitionTable, firstUsable: number): string {
  const gpt = table.style === "gpt";
  return [
    `label: ${gpt ? "gpt" : "dos"}`,
    `label-id: ${table.id}`,
    "unit: sectors",
    ...(gpt ? [`first-lba: ${String(firstUsable)}`] : []),
    "",
    ...table.partitions.map((partition) => sfdiskLine(partition, gpt)),
    "",
  ].join("\n");
}

function sfdiskLine(partition: Partition, gpt: boolean): string {
  const { number, startSector, sectors, type, bootable, uuid, name, attributes } = partition;
  const identity = gpt
    ? [
        `uuid=${(uuid ?? "").toUpperCase()}`,
        ...(name !== undefined && isPlain(name) ? [`name="${name}"`] : []),
        ...(attributes === undefined ? [] : [`attrs="${attributes}"`]),
      ]
    : [];
  const fields = [`start=${String(startSector)}`, `size=${String(sectors)}`, `type=${type}`, ...identity];
  return `${String(number)} : ${[...fields, ...(bootable ? ["bootable"] : [])].join(", ")}`;
}

const sfdiskSchema = z.object({
  partitiontable: z.object({
    label: z.string(),
    id: z.optional(z.string()),
    sectorsize: z.optional(z.number()),
    partitions: z.optional(
      z.array(
        z.object({
          node: z.string(),
          start: z.number(),
          size: z.number(),
          type: z.string(),
          uuid: z.optional(z.string()),
          name: z.optional(z.string()),
          bootable: z.optional(z.boolean()),
          attrs: z.optional(z.string()),
        }),
      ),
    ),
  }),
});

/** The partition table on `device`, or undefined when there is none (a msdos or gpt one). */
export async function readPartitionTable(host: Host, device: string): Promise<PartitionTable | undefined> {
  try {
    const text = await capture(host, ["sfdisk", "--json", device]);
    return parseSfdisk(text, device, readBlockDevice(device).sectorSize);
  } catch (error) {
    if (error instanceof CommandError && /does not contain a recognized partition table/.test(error.outcome.said))
      return undefined;
    throw error;
  }
}

/**
 * Parses `sfdisk --json`; undefined for a table that is neither msdos nor gpt. `sectorSize` for versions before 2.35.
 */
export function parseSfdisk(text: string, device: string, sectorSize: number): PartitionTable | undefined {
  const { partitiontable } = sfdiskSchema.parse(JSON.parse(text));
  const style = partitiontable.label === "dos" ? "msdos" : partitiontable.label;
  if (style !== "msdos" && style !== "gpt") return undefined;
  const id = partitiontable.id ?? "";
  return {
    style,
    id,
    sectorSize: partitiontable.sectorsize ?? sectorSize,
    partitions: (partitiontable.partitions ?? []).map((partition) => {
      const number = partitionNumber(partition.node, device);
      const uuid = style === "gpt" ? partition.uuid?.toLowerCase() : msdosPartitionUuid(id, number);
      return {
        number,
        startSector: partition.start,
        sectors: partition.size,
        type: style === "gpt" ? partition.type.toUpperCase() : partition.type.toLowerCase(),
        ...(uuid === undefined ? {} : { uuid }),
        ...(partition.name === undefined ? {} : { name: partition.name }),
        bootable: partition.bootable ?? false,
        ...(partition.attrs === undefined ? {} : { attributes: partition.attrs }),
      };
    }),
  };
}

// libfdisk writes `<device>p1`, `<device>1` or `<device>-part1`, by the device's name.
function partitionNumber(node: string, device: string): number {
  const match =
    /^(?:p|-part)?(\d+)$/.exec(node.startsWith(device) ? node.slice(device.length) : "") ?? /(\d+)$/.exec(node);
  if (match === null) throw new KnownError(`sfdisk reports a partition ${node}, whose name has no number`);
  return Number(match[1]);
}

const serving: ReadonlySet<string> = new Set([partitionTypes.biosBoot, partitionTypes.esp]);

/**
 * The partition with the guest's root: the only one besides those for the boot loader. Undefined for a table with
 * several others, which someone made inside the guest.
 */
export function rootPartition(table: PartitionTable): Partition | undefined {
  const [root, ...others] = table.partitions.filter(({ type }) => !serving.has(type));
  if (root === undefined || others.length > 0) return undefined;
  return table.style === "gpt" || root.type === partitionTypes.linux ? root : undefined;
}

/** The EFI system partition, if there is one. */
export function espPartition(table: PartitionTable): Partition | undefined {
  return table.partitions.find(({ type }) => type === partitionTypes.esp);
}
