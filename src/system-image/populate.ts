import type { Config } from "../config/config.ts";
import { makeFilesystem } from "../devices/filesystem.ts";
import { type MountedFilesystem, mountFilesystem } from "../devices/mount.ts";
import { ReleaseStack, type Owned } from "../host/disposal.ts";
import type { Host } from "../host/host.ts";
import type { SystemNeeds } from "./cache-key.ts";

/** A mounted filesystem with the system in it. */
export interface PopulatedFilesystem extends MountedFilesystem {
  readonly uuid: string;
}

/** Makes a filesystem on `device`, mounts it and has `fill` write the system into it. */
export async function populateFresh(
  host: Host,
  config: Config,
  needs: SystemNeeds,
  device: string,
  fill: (directory: string) => Promise<void>,
): Promise<PopulatedFilesystem & Owned> {
  const type = config.filesystem;
  const { uuid } = await host.log.phase(`make the ${type} filesystem`, () =>
    makeFilesystem(host, device, { type, suite: config.suite, bootloader: needs.bootloader }),
  );
  await using stack = new ReleaseStack();
  const mounted = stack.use(await mountNew(host, device, type));
  await fill(mounted.path);
  const release = stack.move();
  return { ...mounted, uuid, [Symbol.asyncDispose]: () => release[Symbol.asyncDispose]() };
}

/**
 * Mounts a filesystem that was just made. Where others would flush the device at each step of its journal, nothing is
 * lost that could not be made again. What is on the disk for good is only what the fsync at its release has confirmed
 * (devices/disk.ts).
 */
export async function mountNew(
  host: Host,
  device: string,
  type: Config["filesystem"],
): Promise<MountedFilesystem & Owned> {
  const options = type === "ext3" || type === "ext4" ? ["nobarrier"] : [];
  return await mountFilesystem(host, device, { type, options });
}
