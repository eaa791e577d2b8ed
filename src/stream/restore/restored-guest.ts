import type { NewDevices } from "../../guest/storage/references.ts";
import type { Owned } from "../../host/disposal.ts";
import type { RootedFiles } from "../../host/rooted-files.ts";

/** A guest whose files came back whole, mounted. Nothing boots it before `finish`. */
export interface RestoredGuest extends Owned {
  readonly guest: RootedFiles;
  /** Devices by which the guest does not know its disks yet. */
  readonly devices: NewDevices;
  /** Unmounts it and writes what makes its disk a guest's: call it once, when its files are as they shall be. */
  finish(): Promise<void>;
}
