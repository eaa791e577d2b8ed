import type { Owned } from "../host/disposal.ts";
import type { Host } from "../host/host.ts";
import { run } from "../host/process/run.ts";

/**
 * Makes the release of a filesystem quick after a signal: an aborted import has five seconds, and writing out gigabytes
 * that are wiped next would take longer. A shut-down filesystem (FS_IOC_SHUTDOWN) drops them. Where that is not known,
 * the unmount takes what it takes.
 */
export function abandonFilesystem(host: Host, path: string): Owned {
  return {
    async [Symbol.asyncDispose]() {
      if (!host.signal.aborted) return;
      try {
        await run(host, ["xfs_io", "-x", "-c", "shutdown", path], { shielded: true, timeoutSeconds: 2 });
      } catch (error) {
        host.log.debug(`the unmount writes everything out first: ${String(error)}`);
      }
    },
  };
}
