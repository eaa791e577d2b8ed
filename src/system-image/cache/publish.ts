import { open, rename, rm } from "node:fs/promises";
import { ReleaseStack } from "../../host/disposal.ts";
import { KnownError, messageOf } from "../../host/errors.ts";
import type { Host } from "../../host/host.ts";
import type { CacheFolder } from "./folder.ts";
import { isPinnedTar, removeDerived } from "./expiry.ts";
import { type CheckedTar, openChecked, setAsideOwn } from "./checked-tar.ts";
import { type BuiltManifest, stampOf, writeManifest } from "./manifest.ts";
import { installedPackages } from "../tree/dpkg-status.ts";
import { sha256Of } from "../../host/sha256.ts";
import { packTree, surveyTar } from "../tree/tar.ts";
import type { Wanted } from "./wanted-system.ts";

/** Named in manifests so that one can tell who wrote them. */
const tool = "ganeti-instance-debootstrap";

/** Throws KnownError when there is a tar of this name that its owner may not write, which means: kept for ever. */
export async function requireUnpinned({ folder, name }: Pick<Wanted, "folder" | "name">): Promise<void> {
  if (!(await isPinnedTar(folder.tar(name)))) return;
  throw new KnownError(`${folder.tar(name)} is not writable by its owner: it is kept and not replaced`, {
    hint: `chmod u+w ${folder.tar(name)}, when it may be replaced`,
  });
}

/**
 * Writes the tree as the cached tar of `wanted`, complete or not at all, and returns it opened. An administrator's own
 * tar in its place is set aside. The caller holds the lock of its name. Throws what a full or read-only disk gives, and
 * KnownError when the tar in its place must be kept.
 */
export async function publish(host: Host, wanted: Wanted, tree: string): Promise<CheckedTar> {
  await using stack = new ReleaseStack();
  const { folder, name } = wanted;
  const partial = folder.partial(folder.tar(name));
  const strikeOut = host.journal.record({ kind: "file", path: partial });
  stack.defer(async () => {
    await rm(partial, { force: true });
    strikeOut();
  });
  await host.log.phase("write the cache", () => writePartial(host, partial, tree));
  const manifest = await describe(host, wanted, partial, tree);
  return await replace(host, wanted, partial, manifest);
}

/** As {@link publish}, but a cache that cannot be written is only a warning: the system itself is whole. */
export async function publishOrWarn(host: Host, wanted: Wanted, tree: string): Promise<CheckedTar | undefined> {
  try {
    return await publish(host, wanted, tree);
  } catch (error) {
    if (host.signal.aborted) throw error;
    host.log.warn(`the cache ${wanted.folder.tar(wanted.name)} could not be written: ${messageOf(error)}`);
    return undefined;
  }
}

async function writePartial(host: Host, partial: string, tree: string): Promise<void> {
  await rm(partial, { force: true });
  const file = await open(partial, "wx", 0o644);
  try {
    await file.chmod(0o644);
    await packTree(host, tree, file);
    await file.sync();
  } finally {
    await file.close();
  }
}

async function describe(host: Host, wanted: Wanted, partial: string, tree: string): Promise<BuiltManifest> {
  const file = await open(partial, "r");
  try {
    const [sha256, size] = await Promise.all([sha256Of(file), surveyTar(host, partial)]);
    return {
      kind: "built",
      version: 1,
      key: wanted.key,
      created: new Date().toISOString(),
      tool,
      sha256,
      tree: size,
      packages: await installedPackages(tree),
    };
  } finally {
    await file.close();
  }
}

// A crash between any two steps leaves the new tar with its manifest, or no tar; never the new manifest beside the
// old tar, which would pass for an administrator's edit.
async function replace(
  host: Host,
  { folder, name }: Wanted,
  partial: string,
  manifest: BuiltManifest,
): Promise<CheckedTar> {
  await makeWay(host, folder, name);
  await removeDerived(folder, name);
  await writeManifest(folder.manifest(name), manifest);
  await rename(partial, folder.tar(name));
  const file = await open(folder.tar(name), "r");
  try {
    const stamped = { ...manifest, stamp: stampOf(await file.stat({ bigint: true })) };
    await writeManifest(folder.manifest(name), stamped);
    return { name, file, manifest: stamped };
  } catch (error) {
    await file.close();
    throw error;
  }
}

// Looked at only now: during a bootstrap an administrator may have put a tar there, edited it or taken the permission.
async function makeWay(host: Host, folder: CacheFolder, name: string): Promise<void> {
  await requireUnpinned({ folder, name });
  const old = await openChecked(host, folder, name, true);
  await old?.file.close();
  if (old?.manifest.kind === "adopted") await setAsideOwn(host, folder, name);
  else await rm(folder.tar(name), { force: true });
}
