import { mountFilesystem, type MountedFilesystem } from "../../devices/attach/mount.ts";
import { abandonFilesystem } from "../../filesystems/shut-down.ts";
import { type Owned, ReleaseStack } from "../../host/disposal.ts";
import type { Host } from "../../host/host.ts";

/** Mounts a filesystem that was just made for a backup. Its release may be called early, and does nothing then. */
export async function mountRestored(host: Host, device: string, type: string): Promise<MountedFilesystem & Owned> {
  await using releases = new ReleaseStack();
  const mounted = releases.use(await mountFilesystem(host, device, { type, guestControlled: true, fresh: true }));
  releases.use(abandonFilesystem(host, mounted.path));
  const held = releases.move();
  return { ...mounted, [Symbol.asyncDispose]: () => held[Symbol.asyncDispose]() };
}
