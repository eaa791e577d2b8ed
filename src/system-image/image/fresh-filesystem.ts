import type { MountedFilesystem } from "../../devices/attach/mount.ts";
import type { FilesystemType } from "../../filesystems/families.ts";
import type { FilesystemReader } from "../../filesystems/features.ts";
import { makeFilesystem } from "../../filesystems/make.ts";
import { mountFilesystem } from "../../filesystems/mount.ts";
import { ReleaseStack, type Owned } from "../../host/disposal.ts";
import type { Host } from "../../host/host.ts";

/** The filesystem that a guest is to live in. */
export interface GuestFilesystem {
  readonly type: FilesystemType;
  /** The guest's suite: features that it cannot read are left out. */
  readonly suite: string;
  /** The boot loader that will read the filesystem; it limits the features, too. */
  readonly bootloader: FilesystemReader;
}

/** A mounted filesystem with the system in it. */
export interface PopulatedFilesystem extends MountedFilesystem {
  readonly uuid: string;
}

/** Makes a filesystem on `device`, mounts it and has `fill` write the system into it. */
export async function populateFresh(
  host: Host,
  filesystem: GuestFilesystem,
  device: string,
  fill: (directory: string) => Promise<void>,
): Promise<PopulatedFilesystem & Owned> {
  const { type } = filesystem;
  const { uuid } = await host.log.phase(`make the ${type} filesystem`, () => makeFilesystem(host, device, filesystem));
  await using stack = new ReleaseStack();
  const mounted = stack.use(await mountFilesystem(host, device, { type, fresh: true }));
  await fill(mounted.path);
  const release = stack.move();
  return { ...mounted, uuid, [Symbol.asyncDispose]: () => release[Symbol.asyncDispose]() };
}
