import { readlinkSync, statSync } from "node:fs";
import { blockDeviceNumber, type DeviceNumber, deviceNumber, listDirectory, readText } from "./block-device.ts";
import { isMountOf, mountsOfAllNamespaces } from "./mount-table.ts";

const mostNamed = 5;

/**
 * The users of the block device, for example `: mounted at /mnt, open in qemu (pid 4711)`; empty when there are none.
 */
export function describeUsers(device: string): string {
  const number = blockDeviceNumber(device);
  if (number === undefined) return "";
  const users = [...mountUsers(new Set([number])), ...openers(number)];
  return users.length === 0 ? "" : `: ${users.slice(0, mostNamed).join(", ")}`;
}

/** The mounts of these devices' filesystems in any namespace, as parts of sentences. */
export function mountUsers(devices: ReadonlySet<DeviceNumber>): readonly string[] {
  const mounts = mountsOfAllNamespaces().filter((mount) => isMountOf(mount, devices));
  return [
    ...new Set(
      mounts.map(({ mountPoint, pid }) =>
        pid === "self" || pid === String(process.ppid)
          ? `mounted at ${mountPoint}`
          : `mounted at ${mountPoint} in the mount namespace of ${processName(pid)}`,
      ),
    ),
  ];
}

function openers(number: DeviceNumber): readonly string[] {
  const users = processes().filter((pid) =>
    descriptors(pid).some((path) => path.startsWith("/dev/") && isDevice(path, number)),
  );
  return users.map((pid) => `open in ${processName(pid)}`);
}

/** Processes with a working directory, root or open file in the mount of id `mountId` at `mountPoint`. */
export function mountHolders(mountId: string, mountPoint: string): readonly string[] {
  return processes()
    .filter((pid) => {
      const places = ["cwd", "root", "exe"].map((name) => linkOf(`/proc/${pid}/${name}`));
      if (places.some((place) => place === mountPoint || place?.startsWith(`${mountPoint}/`))) return true;
      return listDirectoryQuietly(`/proc/${pid}/fdinfo`).some((fd) =>
        readQuietly(`/proc/${pid}/fdinfo/${fd}`)?.split("\n").includes(`mnt_id:\t${mountId}`),
      );
    })
    .slice(0, mostNamed)
    .map(processName);
}

/** A process as an administrator knows it: `qemu-system-x86 (pid 4711)`. */
function processName(pid: string): string {
  return `${readQuietly(`/proc/${pid}/comm`) ?? "?"} (pid ${pid})`;
}

function processes(): readonly string[] {
  return listDirectory("/proc").filter((name) => /^\d+$/.test(name));
}

function descriptors(pid: string): readonly string[] {
  return listDirectoryQuietly(`/proc/${pid}/fd`).flatMap((fd) => linkOf(`/proc/${pid}/fd/${fd}`) ?? []);
}

function isDevice(path: string, number: DeviceNumber): boolean {
  try {
    const status = statSync(path, { bigint: true });
    return status.isBlockDevice() && deviceNumber(status.rdev) === number;
  } catch {
    return false;
  }
}

// Processes come and go, and some cannot be read. Those are not named.
function linkOf(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    return undefined;
  }
}

function listDirectoryQuietly(path: string): readonly string[] {
  try {
    return listDirectory(path);
  } catch {
    return [];
  }
}

function readQuietly(path: string): string | undefined {
  try {
    return readText(path);
  } catch {
    return undefined;
  }
}
