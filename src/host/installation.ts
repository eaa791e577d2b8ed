import { accessSync, readlinkSync, realpathSync } from "node:fs";
import { dirname, join, resolve } from "node:path";

/** The place where this program was installed, and the directories that it was installed for. */
export interface Installation {
  /** Directory of the OS definition: working directory of the hooks, home of variants.list and common.sh. */
  readonly osDir: string;
  /** For example `/etc`. */
  readonly sysconfdir: string;
  /** For example `/var`. */
  readonly localstatedir: string;
}

// A line in the head of every bundle (scripts/head.sh), which `make install` rewrites. Absent when the sources run.
declare const INSTALLATION: Installation | undefined;

const sources: Installation = {
  osDir: resolve("os-definition"),
  sysconfdir: "/etc",
  localstatedir: "/var",
};

/** The installation that `script`, the path this program was started by, belongs to. */
export function installation(script: string = process.argv[1] ?? ""): Installation {
  const facts = typeof INSTALLATION === "undefined" ? sources : INSTALLATION;
  return { ...facts, osDir: osDirOf(script) ?? facts.osDir };
}

// The directory that the caller named comes first: an OS definition made of symlinks to another one has its own
// variants.list and common.sh, and Ganeti gives that directory to its scripts. A symlink to a script from anywhere
// else (/usr/local/bin) is followed; the admin command lies in none and knows where `make install` put it.
function osDirOf(script: string): string | undefined {
  if (script === "") return undefined;
  return [dirname(resolve(script)), dirname(realPath(script))].find(isOsDefinition);
}

function isOsDefinition(directory: string): boolean {
  try {
    accessSync(join(directory, "ganeti_api_version"));
    return true;
  } catch {
    return false;
  }
}

function realPath(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}

/**
 * Whether our mounts are our own: the head of the executable starts node in a mount namespace apart from its caller's.
 * It does not do so without root, or where the root directory is not a mount point.
 */
export function hasPrivateMounts(): boolean {
  try {
    // Without a parent here (`docker exec`), PID 1 stands for it.
    return mountNamespace("self") !== mountNamespace(String(process.ppid || 1));
  } catch {
    return false;
  }
}

function mountNamespace(pid: string): string {
  return readlinkSync(`/proc/${pid}/ns/mnt`);
}
