import { join } from "node:path";
import { createLog } from "./log.ts";
import type { Host } from "./host.ts";
import type { Installation } from "./installation.ts";
import { openJournal } from "./journal.ts";

/**
 * Locks, journals and mount points live here: below /run, so that a reboot, which ends what they name, empties them.
 * Another LOCALSTATEDIR has a `run` of its own, as the GNU coding standards' runstatedir.
 */
export function runDirectory({ localstatedir }: Pick<Installation, "localstatedir">): string {
  const parent = localstatedir === "/var" ? "/run" : join(localstatedir, "run");
  return join(parent, "ganeti-instance-debootstrap");
}

export interface HostOptions {
  readonly installation: Installation;
  readonly path: string | undefined;
  readonly signal: AbortSignal;
  readonly verbose: boolean;
  readonly terminal: boolean;
}

/** The machine this process runs on. */
export function createHost(options: HostOptions): Host {
  const runDir = runDirectory(options.installation);
  return {
    log: createLog({ verbose: options.verbose, terminal: options.terminal }),
    path: withSystemDirectories(options.path ?? ""),
    signal: options.signal,
    journal: openJournal(runDir),
    runDir,
  };
}

// A shell of an ordinary user, sudo or cron may leave out sbin, where mkfs and losetup are.
function withSystemDirectories(path: string): string {
  const given = path.split(":").filter((directory) => directory !== "");
  const missing = ["/usr/sbin", "/usr/bin", "/sbin", "/bin"].filter((directory) => !given.includes(directory));
  return [...given, ...missing].join(":");
}
