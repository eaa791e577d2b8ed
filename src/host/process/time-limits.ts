import { Interrupted } from "../errors.ts";

/** Seconds that a command may take, by what it does; Infinity: no bound. */
export interface TimeLimits {
  /** Only asks. */
  readonly asks: number;
  /** Changes one thing of a device. */
  readonly changes: number;
  /** Writes everything out, or goes through a whole filesystem. */
  readonly writes: number;
}

/** A host, as far as time goes; host.ts says what each means. */
interface Limited {
  readonly limits?: TimeLimits;
}

/** What COMMAND_TIMEOUT is when nobody sets it: disks that are busy for minutes are still waited for. */
export const defaultCommandTimeout = 600;

/** The limits that follow from COMMAND_TIMEOUT, in seconds; 0: none. */
export function timeLimits(seconds: number = defaultCommandTimeout): TimeLimits {
  const changes = seconds === 0 ? Infinity : seconds;
  // A node under load takes seconds to start a command.
  return { asks: Math.max(changes / 10, Math.min(changes, 10)), changes, writes: changes * 6 };
}

/** `host` with the limits of COMMAND_TIMEOUT. */
export function withCommandTimeout<T extends Limited>(host: T, seconds: number): T {
  return { ...host, limits: timeLimits(seconds) };
}

// What is not here moves data, waits for others or runs somebody's programs, and may take as long as it needs.
const kinds: Readonly<Record<string, keyof TimeLimits>> = {
  blkid: "asks",
  dumpe2fs: "asks",
  udevadm: "asks",
  dmsetup: "changes",
  kpartx: "changes",
  losetup: "changes",
  mkswap: "changes",
  mount: "changes",
  sfdisk: "changes",
  swapoff: "changes",
  fsfreeze: "changes",
  blkdiscard: "writes",
  blockdev: "writes",
  btrfs: "writes",
  btrfstune: "writes",
  debugfs: "writes",
  e2fsck: "writes",
  mke2fs: "writes",
  "mkfs.btrfs": "writes",
  "mkfs.vfat": "writes",
  "mkfs.xfs": "writes",
  resize2fs: "writes",
  sync: "writes",
  tune2fs: "writes",
  umount: "writes",
  xfs_admin: "writes",
  xfs_growfs: "writes",
  xfs_io: "writes",
  xfs_logprint: "asks",
};

/** Seconds that `command` may take; undefined: no bound. */
export function limitOf(host: Limited, command: string): number | undefined {
  const kind = kinds[command];
  if (kind === undefined) return undefined;
  const seconds = (host.limits ?? timeLimits())[kind];
  return Number.isFinite(seconds) ? seconds : undefined;
}

interface Releasing {
  readonly signal: AbortSignal;
  readonly releaseSeconds?: number;
}

const leastSeconds = 0.3;

/**
 * Seconds that the releases of one executable have after a signal: Ganeti kills an import or export 5 s after SIGTERM.
 * Whatever is not released by then is left to the next start.
 */
export function releaseSecondsOf(script: string): number {
  return script === "import" || script === "export" ? 3.5 : 8;
}

/** Seconds that releases have left after the signal; each command gets a little, although others have used it up. */
export function releaseTimeLeft({ signal, releaseSeconds = 8 }: Releasing): number {
  if (!signal.aborted) return Infinity;
  const reason: unknown = signal.reason;
  const since = reason instanceof Interrupted ? (performance.now() - reason.at) / 1000 : 0;
  return Math.max(leastSeconds, releaseSeconds - since);
}
