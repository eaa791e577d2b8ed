import type { Extent } from "../devices/blocks/extents.ts";
import { CommandError } from "../host/errors.ts";
import type { Host } from "../host/host.ts";
import { familyOf, isFilesystemType } from "./families.ts";
import { freeSpaceOfSwap } from "./swap.ts";

/**
 * Where a filesystem or swap area, of a type as blkid(8) names it, says that it keeps nothing, in bytes from the start of
 * its device of `bytes`. One that is in doubt (errors, a journal that cannot be replayed here) says nothing.
 */
export async function trustedFreeSpace(
  host: Host,
  device: string,
  type: string,
  bytes: number,
): Promise<readonly Extent[]> {
  if (type === "swap") return freeSpaceOfSwap(bytes);
  if (!isFilesystemType(type)) return [];
  const family = familyOf(type);
  try {
    const { isDamaged, isDirty } = await family.inspect(host, device, type);
    if (isDamaged) return [];
    const free = await family.freeSpace(host, device, { bytes, isDirty });
    return free.map(({ start, end }) => ({ start: Math.min(start, bytes), end: Math.min(end, bytes) }));
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    host.log.debug(`the free space of ${device} is unknown: ${error.message}`);
    return [];
  }
}
