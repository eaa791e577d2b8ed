import type { MountedFilesystem } from "../../devices/attach/mount.ts";
import { mountFilesystem } from "../../filesystems/mount.ts";
import type { FilesystemType } from "../../filesystems/families.ts";
import { abandonFilesystem } from "../../filesystems/shut-down.ts";
import { type Owned, ownedBy, ReleaseStack } from "../../host/disposal.ts";
import type { Host } from "../../host/host.ts";
import { type HiddenTree, hideTree } from "./hidden-tree.ts";

/** A filesystem that was just made for a backup, mounted. */
export interface RestoredMount extends MountedFilesystem, Owned {
  /** Where its tree is unpacked. */
  readonly tree: HiddenTree;
}

/** Mounts a filesystem that was just made for a backup. Its release may be called early, and does nothing then. */
export async function mountRestored(host: Host, device: string, type: FilesystemType): Promise<RestoredMount> {
  await using releases = new ReleaseStack();
  const mounted = releases.use(await mountFilesystem(host, device, { type, guestControlled: true, fresh: true }));
  releases.use(abandonFilesystem(host, mounted.path));
  const tree = await hideTree(host, mounted);
  return ownedBy({ ...mounted, tree }, releases.move());
}
