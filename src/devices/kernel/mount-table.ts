import { readFileSync, readlinkSync } from "node:fs";
import { ifThereSync } from "../../host/files/absent.ts";
import { blockDeviceNumber, type DeviceNumber, listDirectory } from "./block-device.ts";

/** A line of proc_pid_mountinfo(5). */
export interface Mount {
  readonly id: string;
  /** `major:minor` of the filesystem; not the block device's own for btrfs. */
  readonly number: DeviceNumber;
  readonly mountPoint: string;
  readonly type: string;
  readonly source: string;
  /** A process that sees it. */
  readonly pid: string;
}

/** The mounts this process sees. */
export function ownMounts(): readonly Mount[] {
  return mountsOf("self");
}

/** The mounts of every mount namespace that has a process in it, each namespace read once. */
export function mountsOfAllNamespaces(): readonly Mount[] {
  const seen = new Set<string>();
  // Our caller's namespace comes first. Otherwise it would get the name of some other process in it, for example a
  // kernel thread.
  return ["self", String(process.ppid), ...listDirectory("/proc").filter((name) => /^\d+$/.test(name))].flatMap(
    (pid) => {
      const namespace = quietly(() => readlinkSync(`/proc/${pid}/ns/mnt`));
      if (namespace === undefined || seen.has(namespace)) return [];
      seen.add(namespace);
      return mountsOf(pid);
    },
  );
}

/** Whether `mount` shows the filesystem of one of these block devices. */
export function isMountOf(mount: Mount, devices: ReadonlySet<DeviceNumber>): boolean {
  if (devices.has(mount.number)) return true;
  // btrfs mounts carry an anonymous number.
  const source = mount.source.startsWith("/dev/") ? blockDeviceNumber(mount.source) : undefined;
  return source !== undefined && devices.has(source);
}

function mountsOf(pid: string): readonly Mount[] {
  const text = quietly(() => readFileSync(`/proc/${pid}/mountinfo`, "utf8")) ?? "";
  return parseMountInfo(text, pid);
}

/** Parses proc_pid_mountinfo(5). */
export function parseMountInfo(text: string, pid = "self"): readonly Mount[] {
  return text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => {
      const fields = line.split(" ");
      // The optional fields end with a lone hyphen.
      const [type = "", source = ""] = fields.slice(fields.indexOf("-", 6) + 1);
      const [id = "", , number = "", , mountPoint = ""] = fields;
      return { id, number, mountPoint: unescape(mountPoint), type, source: unescape(source), pid };
    });
}

// Space, tab, newline and backslash are written as three octal digits.
function unescape(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)));
}

// A process may end meanwhile, and one of another user may hide its namespace.
function quietly<T>(read: () => T): T | undefined {
  return ifThereSync(read, "ESRCH", "EACCES", "EINVAL");
}
