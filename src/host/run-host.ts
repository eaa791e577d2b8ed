import { accessSync, constants, lstatSync, mkdirSync, realpathSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { hasCode, KnownError, messageOf } from "./errors.ts";
import { createLog } from "./log.ts";
import type { Host } from "./host.ts";
import type { Installation } from "./installation.ts";
import { requireOwned } from "./files/ownership.ts";
import { openJournal } from "./journal.ts";

/**
 * Locks, journals and mount points live here, below /run: a reboot ends everything that they name, and empties /run.
 * Another LOCALSTATEDIR has a `run` of its own, as the GNU coding standards' runstatedir.
 */
export function runDirectory({ localstatedir }: Pick<Installation, "localstatedir">): string {
  const parent = localstatedir === "/var" ? "/run" : join(localstatedir, "run");
  return join(resolved(parent), "ganeti-instance-debootstrap");
}

// The kernel names a mount point without symbolic links. A directory that does not exist yet will not have any.
function resolved(path: string): string {
  try {
    return realpathSync(path);
  } catch (error) {
    if (!hasCode(error, "ENOENT") || path === dirname(path)) return path;
    return join(resolved(dirname(path)), basename(path));
  }
}

/** Makes the run directory when it is missing. Throws KnownError when nothing can be written there, or others can. */
export function openRunDirectory({ runDir }: Pick<Host, "runDir">): void {
  try {
    mkdirSync(runDir, { recursive: true, mode: 0o750 });
    accessSync(runDir, constants.W_OK);
  } catch (error) {
    throw new KnownError(`cannot write to ${runDir}, where locks and mount points are: ${messageOf(error)}`, {
      hint: `make it writable (a tmpfs at /run, as systemd and initscripts mount it); nothing was changed`,
    });
  }
  requireOwned(runDir, lstatSync(runDir));
}

export interface HostOptions {
  readonly installation: Installation;
  readonly path: string | undefined;
  readonly signal: AbortSignal;
  readonly verbose: boolean;
  readonly terminal: boolean;
  readonly releaseSeconds: number;
}

/** The machine this process runs on. */
export function createHost(options: HostOptions): Host {
  const runDir = runDirectory(options.installation);
  return {
    log: createLog({ verbose: options.verbose, terminal: options.terminal }),
    path: withSystemDirectories(options.path ?? ""),
    signal: options.signal,
    releaseSeconds: options.releaseSeconds,
    journal: openJournal(runDir),
    runDir,
  };
}

// The PATH of an ordinary user, sudo or cron may lack sbin, where mkfs and losetup are.
function withSystemDirectories(path: string): string {
  const given = path.split(":").filter((directory) => directory !== "");
  const missing = ["/usr/sbin", "/usr/bin", "/sbin", "/bin"].filter((directory) => !given.includes(directory));
  return [...given, ...missing].join(":");
}
