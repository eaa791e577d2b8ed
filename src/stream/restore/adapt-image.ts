import { giveExtUuid, growExt, preenExt } from "../../filesystems/ext/adapt.ts";
import { replayJournal } from "../../filesystems/ext/replayed-journal.ts";
import { KnownError } from "../../host/errors.ts";
import type { Host } from "../../host/host.ts";

export interface Adapting {
  /** Size of the filesystem. */
  readonly bytes: number;
  readonly journal: "clean" | "unreplayed";
  readonly newUuid: string | undefined;
  /** Its device is larger than what it had before. */
  readonly grown: boolean;
  /** It is to be checked in any case. */
  readonly checked?: boolean;
}

/**
 * Fits a filesystem that came block by block to its new device: replays its journal, gives it the new UUID and the size of
 * the device. Nothing is touched where nothing has to change. Returns whether its blocks may have moved. Throws KnownError
 * for one that is too damaged for what has to be done.
 */
export async function adaptImage(host: Host, device: string, adapting: Adapting): Promise<boolean> {
  const { bytes, journal, newUuid, grown, checked = false } = adapting;
  if (journal === "unreplayed") await host.log.phase("replay the journal", () => replayJournal(host, device));
  if (newUuid === undefined && !grown && !checked) return false;
  const isSound = await host.log.phase("check the filesystem", () => preenExt(host, device, bytes));
  if (!isSound && (newUuid !== undefined || checked)) throw tooDamaged();
  if (!isSound) {
    host.log.warn("the filesystem has errors that its guest must mend (fsck): it keeps its size");
    return false;
  }
  if (newUuid !== undefined) await giveExtUuid(host, device, bytes, newUuid);
  if (grown) await host.log.phase("grow the filesystem", () => growExt(host, device, bytes));
  return grown;
}

function tooDamaged(): KnownError {
  return new KnownError(
    "the exported filesystem has errors that e2fsck does not mend by itself, so it cannot be changed",
    {
      hint: "import it onto a disk of the same size or larger without IMPORT_NEW_UUIDS, and run e2fsck there",
    },
  );
}
