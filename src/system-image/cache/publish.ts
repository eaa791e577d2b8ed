import { open, rename, rm } from "node:fs/promises";
import { ReleaseStack } from "../../host/disposal.ts";
import { messageOf } from "../../host/errors.ts";
import type { Host } from "../../host/host.ts";
import type { SystemOrder } from "./system-order.ts";
import { type CheckedTar, openChecked } from "./checked-tar.ts";
import { removeDerived } from "./expiry.ts";
import type { CacheEntry } from "./folder.ts";
import { partialPath } from "./partial-path.ts";
import { requireUnpinned } from "./pins.ts";
import { setAsideOwn } from "./set-aside.ts";
import { type BuiltManifest, stampOf, writeManifest } from "./manifest.ts";
import { installedPackages } from "../tree/dpkg-status.ts";
import { sha256Of } from "../../host/files/sha256.ts";
import { packTree, surveyTar } from "../tree/tar.ts";

/** Named in manifests so that one can tell who wrote them. */
const tool = "ganeti-instance-debootstrap";

/**
 * Writes the tree as the cached tar of `order`, complete or not at all, and returns it opened. An administrator's own
 * tar in its place is set aside. The caller holds the lock of its name. Throws what a full or read-only disk gives, and
 * KnownError when the tar in its place must be kept.
 */
export async function publish(host: Host, order: SystemOrder, tree: string): Promise<CheckedTar> {
  await using stack = new ReleaseStack();
  const partial = partialPath(order.entry.tarPath);
  const strikeOut = host.journal.record({ kind: "file", path: partial });
  stack.defer(async () => {
    await rm(partial, { force: true });
    strikeOut();
  });
  await host.log.phase("write the cache", () => writePartial(host, partial, tree));
  const manifest = await describe(host, order, partial, tree);
  return await replace(host, order.entry, partial, manifest);
}

/** As {@link publish}, but a cache that cannot be written is only a warning: the system itself is whole. */
export async function publishOrWarn(host: Host, order: SystemOrder, tree: string): Promise<CheckedTar | undefined> {
  try {
    return await publish(host, order, tree);
  } catch (error) {
    if (host.signal.aborted) throw error;
    host.log.warn(`the cache ${order.entry.tarPath} could not be written: ${messageOf(error)}`);
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

async function describe(host: Host, { spec }: SystemOrder, partial: string, tree: string): Promise<BuiltManifest> {
  const file = await open(partial, "r");
  try {
    const [sha256, size] = await Promise.all([sha256Of(file, host.signal), surveyTar(host, partial)]);
    return {
      kind: "built",
      version: 1,
      key: spec,
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
async function replace(host: Host, entry: CacheEntry, partial: string, manifest: BuiltManifest): Promise<CheckedTar> {
  await makeWay(host, entry);
  await removeDerived(entry);
  await writeManifest(entry.manifestPath, manifest);
  await rename(partial, entry.tarPath);
  const file = await open(entry.tarPath, "r");
  try {
    const stamped = { ...manifest, stamp: stampOf(await file.stat({ bigint: true })) };
    await writeManifest(entry.manifestPath, stamped);
    return { entry, file, manifest: stamped };
  } catch (error) {
    await file.close();
    throw error;
  }
}

// Looked at only now: during a bootstrap an administrator may have put a tar there, edited it or taken the permission.
async function makeWay(host: Host, entry: CacheEntry): Promise<void> {
  await requireUnpinned(entry);
  const old = await openChecked(host, entry, true);
  await old?.file.close();
  if (old?.manifest.kind === "adopted") await setAsideOwn(host, entry);
  else await rm(entry.tarPath, { force: true });
}
