import { open, type FileHandle } from "node:fs/promises";
import { dirname } from "node:path";
import { makeDirectories } from "./files/directories.ts";
import type { Owned } from "./disposal.ts";
import type { Host } from "./host.ts";
import { run } from "./process/run.ts";

/**
 * A flock(2) lock held on `path` until it is disposed of or this process dies. The file stays: see {@link acquireLock}.
 */
export interface Lock extends Owned {
  readonly path: string;
}

export interface LockOptions {
  /** Seconds to wait; 0 tries once; when absent, it waits for ever (a signal ends the wait). */
  readonly waitSeconds?: number;
}

// A node under load takes seconds to start a command.
const startSeconds = 10;

const conflict = 75; // EX_TEMPFAIL, told to flock(1) with --conflict-exit-code

/**
 * Takes a lock, or returns undefined when others hold it for all of `waitSeconds`. flock(1) locks a descriptor of ours:
 * the lock belongs to the open file description, so it lasts until this process closes it or dies, and needs no child.
 * Lock files are never unlinked: a second opener could otherwise lock a name that is gone.
 */
export async function acquireLock(host: Host, path: string, options: LockOptions = {}): Promise<Lock | undefined> {
  await makeDirectories(dirname(path), 0o750);
  const file = await open(path, "a", 0o600);
  try {
    if (await flock(host, file, options)) return { path, [Symbol.asyncDispose]: () => file.close() };
  } catch (error) {
    await file.close();
    throw error;
  }
  await file.close();
  return undefined;
}

async function flock(host: Host, file: FileHandle, { waitSeconds }: LockOptions): Promise<boolean> {
  const wait = waitSeconds === undefined ? [] : waitSeconds === 0 ? ["--nonblock"] : ["--wait", String(waitSeconds)];
  const { exitCode } = await run(
    host,
    ["flock", "--exclusive", ...wait, "--conflict-exit-code", String(conflict), "3"],
    {
      descriptors: [file.fd],
      accept: [0, conflict],
      // flock keeps the time itself. A wait without end is one for another run: a signal ends it.
      ...(waitSeconds === undefined ? {} : { timeoutSeconds: waitSeconds + startSeconds }),
    },
  );
  return exitCode === 0;
}
