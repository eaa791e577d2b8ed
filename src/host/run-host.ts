import { createLog } from "./log.ts";
import type { Host } from "./host.ts";
import { openJournal } from "./journal.ts";

/** Locks, journals and mount points live here: below /run, so that a reboot, which ends what they name, empties them. */
export const defaultRunDir = "/run/ganeti-instance-debootstrap";

export interface HostOptions {
  readonly path: string | undefined;
  readonly signal: AbortSignal;
  readonly verbose: boolean;
  readonly terminal: boolean;
}

/** The machine this process runs on. */
export function createHost(options: HostOptions): Host {
  return {
    log: createLog({ verbose: options.verbose, terminal: options.terminal }),
    path: withSystemDirectories(options.path ?? ""),
    signal: options.signal,
    journal: openJournal(defaultRunDir),
    runDir: defaultRunDir,
  };
}

// A shell of an ordinary user, sudo or cron may leave out sbin, where mkfs and losetup are.
function withSystemDirectories(path: string): string {
  const given = path.split(":").filter((directory) => directory !== "");
  const missing = ["/usr/sbin", "/usr/bin", "/sbin", "/bin"].filter((directory) => !given.includes(directory));
  return [...given, ...missing].join(":");
}
