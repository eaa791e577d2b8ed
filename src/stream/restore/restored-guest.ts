import type { NewDevices } from "../../guest/storage/references.ts";
import type { Owned } from "../../host/disposal.ts";
import type { RootedFiles } from "../../host/files/rooted-files.ts";

/** A guest whose files came back whole. Nothing boots it before `finish`. */
export interface RestoredGuest extends Owned {
  /** Its files, mounted; undefined for one that came back block by block and in which nothing is to be changed. */
  readonly guest: RootedFiles | undefined;
  /** Devices by which the guest does not know its disks yet. */
  readonly devices: NewDevices;
  /** Unmounts it and writes what makes its disk a guest's: call it once, when its files are as they shall be. */
  finish(): Promise<void>;
}
