import { open, type FileHandle } from "node:fs/promises";
import type { Config } from "../config/config.ts";
import { makeFilesystem } from "../devices/filesystem.ts";
import { type MountedFilesystem, mountFilesystem } from "../devices/mount.ts";
import { ReleaseStack, type Owned } from "../host/disposal.ts";
import type { Host } from "../host/host.ts";
import type { SystemNeeds } from "./cache-key.ts";
import { unpackTar } from "./tar.ts";

/** Makes a filesystem on `device`, mounts it and has `fill` write the system into it. */
export async function populateFresh(
  host: Host,
  config: Config,
  needs: SystemNeeds,
  device: string,
  fill: (directory: string) => Promise<void>,
): Promise<MountedFilesystem & Owned> {
  const type = config.filesystem;
  await host.log.phase(`make the ${type} filesystem`, () =>
    makeFilesystem(host, device, { type, suite: config.suite, bootloader: needs.bootloader }),
  );
  await using stack = new ReleaseStack();
  const mounted = stack.use(await mountFilesystem(host, device, { type }));
  await fill(mounted.path);
  const release = stack.move();
  return { ...mounted, [Symbol.asyncDispose]: () => release[Symbol.asyncDispose]() };
}

/** Unpacks an open tar, from its start whatever was read of it before. */
export async function unpackOpenTar(host: Host, tar: FileHandle, directory: string): Promise<void> {
  // A new open file description: the offset of the old one is shared with every process that ever read from it.
  const file = await open(`/proc/self/fd/${String(tar.fd)}`, "r");
  try {
    await host.log.phase("unpack the cached system", () => unpackTar(host, file, directory));
  } finally {
    await file.close();
  }
}
