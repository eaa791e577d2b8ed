import type { Config } from "../config/config.ts";
import { makeFilesystem } from "../filesystems/make.ts";
import type { MountedFilesystem } from "../devices/attach/mount.ts";
import { mountFilesystem } from "../filesystems/mount.ts";
import { ReleaseStack, type Owned } from "../host/disposal.ts";
import type { Host } from "../host/host.ts";
import type { SystemNeeds } from "./cache/system-key.ts";

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
  const mounted = stack.use(await mountFilesystem(host, device, { type, fresh: true }));
  await fill(mounted.path);
  const release = stack.move();
  return { ...mounted, uuid, [Symbol.asyncDispose]: () => release[Symbol.asyncDispose]() };
}
