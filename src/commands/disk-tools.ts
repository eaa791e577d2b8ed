import type { Config } from "../config/config.ts";
import { type FilesystemType, familyOf } from "../filesystems/families.ts";
import type { Tool } from "../host/process/tools.ts";
import { type Need, toolsFor } from "../host/process/tools-table.ts";
import type { CreateRequest, ImportRequest } from "../os-api/request.ts";
import type { Manifest } from "../stream/format/manifest.ts";

/** The disks that are worked on; a swap device beside the first one gets new swap space. */
type Swapped = Pick<CreateRequest | ImportRequest, "swapDevice">;

/**
 * What create runs, and import for a backup whose layout is that of the settings, so that nothing turns out to be missing
 * when the disk is wiped already. What a bootstrap, a boot loader or the hooks need besides is their own to know.
 */
export function toolsForCreate(
  { filesystem, partitionStyle }: Pick<Config, "filesystem" | "partitionStyle">,
  { swapDevice }: Swapped,
): readonly Tool[] {
  return toolsForTree(filesystem, partitionStyle, swapDevice !== undefined);
}

/** What import runs for a stream with this manifest. */
export function toolsForRestore(
  { disk, filesystem, layout }: Pick<Manifest, "disk" | "filesystem" | "layout">,
  { swapDevice }: Swapped,
): readonly Tool[] {
  if (filesystem !== undefined) return toolsForTree(filesystem.type, layout?.style ?? "none", swapDevice !== undefined);
  return toolsFor("always", "disk", "write", ...swapNeeds(disk.role === "swap"));
}

function toolsForTree(filesystem: FilesystemType, style: Config["partitionStyle"], withSwap: boolean): readonly Tool[] {
  const table: readonly Need[] = style === "none" ? [] : ["partitions"];
  const written: readonly Need[] = ["always", "disk", "write", "tree", familyOf(filesystem).needs.make];
  return toolsFor(...written, ...table, ...swapNeeds(withSwap));
}

function swapNeeds(withSwap: boolean): readonly Need[] {
  return withSwap ? ["swap"] : [];
}
