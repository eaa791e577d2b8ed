import type { Disk } from "../../devices/disk.ts";
import { readPartitionTable } from "../../devices/partitions/table.ts";
import type { Extent } from "../../devices/blocks/extents.ts";
import type { Owned } from "../../host/disposal.ts";
import { messageOf } from "../../host/errors.ts";
import type { Host } from "../../host/host.ts";
import { MissingToolsError } from "../../host/process/tools.ts";
import { markFailedImport, markRefusedImport } from "../format/import-mark.ts";
import { ImportRefusal } from "./refusal.ts";

/** A disk that is wiped on the way out, see {@link spoilUnlessKept}. */
export interface SpoiledDisk extends Owned {
  /** Further places, in bytes of the disk, where something that mounts may stand. */
  includes(extents: readonly Extent[]): void;
  /** Takes what ended the import: the mark says it. What speaks only against this disk
   * or node lets it be, and is written to it only when it is blank. */
  because(error: unknown): void;
  /** The disk is to stay as it is. */
  keep(): void;
}

/**
 * From now on the disk is one that an import has to do with: the release wipes it and leaves a mark (see
 * {@link markFailedImport}), unless the import came to a good end and `keep` was called.
 */
export function spoilUnlessKept(host: Host, disk: Disk): SpoiledDisk {
  const partitions: Extent[] = [];
  let isKept = false;
  let isRefused = false;
  let reason = "it did not come to an end";
  return {
    includes: (extents) => {
      partitions.push(...extents);
    },
    because: (error) => {
      isRefused = error instanceof ImportRefusal || error instanceof MissingToolsError;
      reason = messageOf(error);
    },
    keep: () => {
      isKept = true;
    },
    async [Symbol.asyncDispose]() {
      if (isKept) return;
      if (isRefused) await tell(host, disk, reason);
      else await spoil(host, disk, partitions, reason);
    },
  };
}

async function tell(host: Host, disk: Disk, reason: string): Promise<void> {
  try {
    await markRefusedImport(disk, reason);
  } catch (error) {
    host.log.debug(`the disk cannot say that its import was refused: ${messageOf(error)}`);
  }
}

async function spoil(host: Host, disk: Disk, partitions: readonly Extent[], reason: string): Promise<void> {
  try {
    await markFailedImport(disk.device, disk.sizeBytes, [...partitions, ...(await tableExtents(host, disk))], reason);
    host.log.error("the import failed, so the disk was wiped: no half-restored guest can start from it");
  } catch (error) {
    host.log.error(`the disk could not be wiped and must not be started: ${messageOf(error)}`);
  }
}

async function tableExtents(host: Host, disk: Disk): Promise<readonly Extent[]> {
  // After a signal no command runs any more; the plan's own extents are known without.
  if (host.signal.aborted) return [];
  const table = await readPartitionTable(host, disk.device);
  return (table?.partitions ?? []).map(({ startSector, sectors }) => ({
    start: startSector * (table?.sectorSize ?? 512),
    end: (startSector + sectors) * (table?.sectorSize ?? 512),
  }));
}
