import { randomBytes } from "node:crypto";
import { dirname } from "node:path";
import type { Host } from "../../host/host.ts";
import { run, start } from "../../host/process/run.ts";
import { attachLoop } from "../attach/loop.ts";
import type { Partition } from "./table.ts";

/** A disk and its logical sectors. */
interface EspDisk {
  readonly device: string;
  readonly sectorSize: number;
}

/** Contents by absolute path. */
export type EspFiles = Readonly<Record<string, Uint8Array>>;

/**
 * Formats the EFI system partition as FAT and fills it, by mtools: the node need not be able to mount vfat. Returns the
 * volume id as Linux writes it (`1A2B-3C4D`), for fstab.
 */
export async function makeEsp(
  host: Host,
  disk: EspDisk,
  partition: Partition,
  files: EspFiles,
): Promise<{ readonly volumeId: string }> {
  await using loop = await attachLoop(host, disk.device, {
    offset: partition.startSector * disk.sectorSize,
    sizeLimit: partition.sectors * disk.sectorSize,
    sectorSize: disk.sectorSize,
  });
  const id = randomBytes(4).toString("hex").toUpperCase();
  await run(host, ["mkfs.vfat", "-n", "ESP", "-i", id, loop.device], { shielded: true });
  for (const directory of directoriesOf(files)) {
    await run(host, ["mmd", "-i", loop.device, `::${directory}`], mtoolsOptions);
  }
  for (const [path, content] of Object.entries(files)) await copyFile(host, loop.device, path, content);
  return { volumeId: `${id.slice(0, 4)}-${id.slice(4)}` };
}

const mtoolsOptions = {
  // Without this, mtools refuses sizes that are not a multiple of an old disk's tracks.
  env: { MTOOLS_SKIP_CHECK: "1" },
} as const;

async function copyFile(host: Host, device: string, path: string, content: Uint8Array): Promise<void> {
  const copying = start(host, ["mcopy", "-i", device, "-", `::${path}`], { ...mtoolsOptions, stdin: "pipe" });
  // When mcopy ends early, its own message gives the reason, not the broken pipe.
  copying.stdin?.on("error", () => undefined);
  copying.stdin?.end(content);
  await copying.done;
}

/** The directories above the files, parents first. */
function directoriesOf(files: EspFiles): readonly string[] {
  const directories = new Set(Object.keys(files).flatMap(parents));
  return [...directories].sort();
}

function parents(path: string): readonly string[] {
  const parent = dirname(path);
  return parent === "/" ? [] : [...parents(parent), parent];
}
