import type { FilesystemType } from "../../filesystems/families.ts";
import { mountFilesystem } from "../../filesystems/mount.ts";
import { listExtDirectory } from "../../filesystems/ext/adapt.ts";
import { abandonFilesystem } from "../../filesystems/shut-down.ts";
import {
  isNetworkRules,
  removeNetworkRules,
  rewriteIdentifiers,
  rulesDirectory,
} from "../../guest/storage/rewrite-references.ts";
import { type Owned, ReleaseStack } from "../../host/disposal.ts";
import { CommandError } from "../../host/errors.ts";
import type { Host } from "../../host/host.ts";
import { openRoot, type RootedFiles } from "../../host/files/rooted-files.ts";
import type { Identifiers } from "./boot-code.ts";

export interface Editing {
  readonly type: FilesystemType;
  /** Size of the filesystem. */
  readonly bytes: number;
  readonly identifiers: Identifiers;
  /** More will be changed afterwards. */
  readonly willEdit: boolean;
}

/** The mounted guest; undefined where nothing is to be changed in its files. */
export interface EditedImage extends Owned {
  readonly guest: RootedFiles | undefined;
}

/**
 * Mounts a restored filesystem and makes the edits that a tree gets, where there are any to be made: else not a block of
 * it changes, and nothing of it is given to the kernel.
 */
export async function editImage(host: Host, device: string, editing: Editing): Promise<EditedImage> {
  const { type, bytes, identifiers, willEdit } = editing;
  const mustEdit = identifiers.length > 0 || willEdit;
  if (!mustEdit && !(await hasNetworkRules(host, device, bytes))) return unchanged;
  try {
    return await mountAndEdit(host, device, type, identifiers);
  } catch (error) {
    if (mustEdit || !(error instanceof CommandError)) throw error;
    host.log.warn(
      `old network rules may be left, because the filesystem cannot be mounted on this node: ${error.message}`,
    );
    return unchanged;
  }
}

const unchanged: EditedImage = { guest: undefined, [Symbol.asyncDispose]: () => Promise.resolve() };

async function hasNetworkRules(host: Host, device: string, bytes: number): Promise<boolean> {
  return (await listExtDirectory(host, device, bytes, rulesDirectory)).some(isNetworkRules);
}

async function mountAndEdit(
  host: Host,
  device: string,
  type: FilesystemType,
  identifiers: Identifiers,
): Promise<EditedImage> {
  await using releases = new ReleaseStack();
  const mounted = releases.use(await mountFilesystem(host, device, { type, guestControlled: true, fresh: true }));
  releases.use(abandonFilesystem(host, mounted.path));
  const guest = openRoot(mounted.path, host);
  await removeNetworkRules(host, guest);
  await rewriteIdentifiers(host, guest, { identifiers });
  const held = releases.move();
  return { guest, [Symbol.asyncDispose]: () => held[Symbol.asyncDispose]() };
}
