import { KnownError } from "../host/errors.ts";
import type { Host } from "../host/host.ts";
import { run } from "../host/run.ts";
import type { FilesystemType } from "./families.ts";

/**
 * Gives an unmounted filesystem another label, in one write of its superblock; "" for none. Throws KnownError when the
 * filesystem does not have it afterwards.
 */
export async function setLabel(host: Host, device: string, type: FilesystemType, label: string): Promise<void> {
  switch (type) {
    case "xfs":
      // xfs_admin(8) is a shell script that evaluates the label.
      if (!isSettable(type, label)) throw new KnownError(`xfs_db cannot set the label ${JSON.stringify(label)}`);
      await run(host, ["xfs_db", "-x", "-c", label === "" ? "label --" : `label ${label}`, device]);
      return;
    case "btrfs":
      await run(host, ["btrfs", "filesystem", "label", "--", device, label]);
      return;
    case "ext2":
    case "ext3":
    case "ext4":
      await run(host, ["tune2fs", "-L", label, device]);
  }
}

/** Whether {@link setLabel} can set it: xfs_db(8) splits its commands at blanks, and has no way to quote. */
export function isSettable(type: FilesystemType, label: string): boolean {
  return type !== "xfs" || /^[\w.:+@%=,/][\w.:+@%=,/-]*$|^$/.test(label);
}
