import { randomBytes } from "node:crypto";
import { mkdir, rmdir } from "node:fs/promises";
import { join } from "node:path";
import { type Owned, ownedBy, ReleaseStack } from "../../host/disposal.ts";
import { hasCode, KnownError, messageOf } from "../../host/errors.ts";
import type { Host } from "../../host/host.ts";
import { run } from "../../host/process/run.ts";
import { mountHolders } from "../kernel/device-users.ts";
import { type Mount, ownMounts } from "../kernel/mount-table.ts";
import { retryFor } from "./retry.ts";
import { syncFilesystem } from "../blocks/sync.ts";

/** A mounted filesystem. */
export interface MountedFilesystem {
  /** The mount point. */
  readonly path: string;
  readonly device: string;
  /** Its type, for example `ext4`. */
  readonly filesystem: string;
}

export interface DeviceMount {
  /** For example `ext4`. */
  readonly type: string;
  readonly readOnly?: boolean;
  /** The tree is a guest's: no device, set-id file or program on it works on the node. */
  readonly guestControlled?: boolean;
  /** Further options of mount(8), for example `noload`: those of its type (filesystems/mount.ts). */
  readonly options?: readonly string[];
}

const unmountSeconds = 15;

/**
 * Mounts a filesystem below a fresh directory that only root may enter, because the mount point itself gets the mode of
 * the guest's own root. The release writes everything out and unmounts the filesystem with all mounts below it. It
 * throws when data was lost or when something keeps the filesystem busy.
 */
export async function mountDevice(
  host: Host,
  device: string,
  options: DeviceMount,
): Promise<MountedFilesystem & Owned> {
  await using releases = new ReleaseStack();
  const parent = join(host.runDir, "mounts", randomBytes(8).toString("hex"));
  const path = join(parent, "root");
  await mkdir(join(host.runDir, "mounts"), { recursive: true, mode: 0o755 });
  releases.use(await makeDirectory(host, parent, 0o700));
  releases.use(await makeDirectory(host, path, 0o755));
  releases.defer(() => unmount(host, path, options.readOnly ?? false));
  await run(host, ["mount", "-t", options.type, "-o", mountOptions(options).join(","), device, path], {
    shielded: true,
  });
  requireMounted(device, path);
  return ownedBy({ path, device, filesystem: options.type }, releases.move());
}

/** The options of mount(8), for -o. */
export function mountOptions({
  readOnly = false,
  guestControlled = false,
  options = [],
}: DeviceMount): readonly string[] {
  return [readOnly ? "ro" : "rw", ...(guestControlled ? ["nosuid", "nodev", "noexec"] : []), ...options];
}

// What is written below a mount point where nothing is mounted goes to the node.
function requireMounted(device: string, path: string): void {
  if (mountsAt(path).some(({ mountPoint }) => mountPoint === path)) return;
  throw new KnownError(`mount says that ${device} is mounted at ${path}, and the kernel does not`, {
    hint: "look at the kernel log, and whether `mount` is the one of util-linux",
  });
}

async function makeDirectory(host: Host, path: string, mode: number): Promise<Owned> {
  const struckOut = host.journal.record({ kind: "directory", path });
  try {
    await mkdir(path, { mode });
  } catch (error) {
    struckOut();
    throw error;
  }
  return {
    async [Symbol.asyncDispose]() {
      await removeDirectory(path);
      struckOut();
    },
  };
}

async function removeDirectory(path: string): Promise<void> {
  try {
    // Only rmdir, never a recursive removal: after a failed unmount the guest's tree is still there.
    await rmdir(path);
  } catch (error) {
    if (hasCode(error, "ENOENT")) return;
    throw new KnownError(`cannot remove the mount point ${path}: ${messageOf(error)}`, { cause: error });
  }
}

async function unmount(host: Host, path: string, readOnly: boolean): Promise<void> {
  await using releases = new ReleaseStack();
  releases.defer(() => unmountBelow(host, path));
  if (mountsAt(path).length === 0 || readOnly || host.signal.aborted) return;
  // umount(8) exits 0 although the last of the data could not be written.
  await syncFilesystem(host, path);
}

/** Unmounts everything at and below `path`, deepest first; waits for what is busy, never detaches it lazily. */
export async function unmountBelow(host: Host, path: string, seconds = unmountSeconds): Promise<void> {
  let words = "";
  const gone = await retryFor(host, seconds, async () => {
    for (const { mountPoint } of [...mountsAt(path)].reverse()) {
      const argv = ["umount", "--no-canonicalize", mountPoint] as const;
      words = (await run(host, argv, { shielded: true, accept: [0, 1, 32] })).said;
    }
    return mountsAt(path).length === 0 ? true : undefined;
  });
  if (gone === true) return;
  const [stuck] = [...mountsAt(path)].reverse();
  if (stuck === undefined) return;
  const holders = mountHolders(stuck.id, stuck.mountPoint);
  const reason = holders.length === 0 ? words || "umount gives no reason" : `held by ${holders.join(", ")}`;
  throw new KnownError(`${stuck.mountPoint} cannot be unmounted: ${reason}`, {
    hint: `stop its users, then run: umount ${stuck.mountPoint}`,
  });
}

// In the order they were mounted.
function mountsAt(path: string): readonly Mount[] {
  return ownMounts().filter(({ mountPoint }) => mountPoint === path || mountPoint.startsWith(`${path}/`));
}
