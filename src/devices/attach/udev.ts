import { existsSync } from "node:fs";
import { CommandTimeout } from "../../host/errors.ts";
import type { Host } from "../../host/host.ts";
import { run } from "../../host/process/run.ts";

const settleSeconds = 10;

/**
 * Waits until udev has handled the events so far: it opens each new device to probe it, and a device that is held
 * cannot be released. Does nothing where udev does not run. A timeout is not an error, because the release retries.
 */
export async function settleUdev(host: Host): Promise<void> {
  if (!existsSync("/run/udev/control")) return;
  try {
    await run(host, ["udevadm", "settle", `--timeout=${String(settleSeconds)}`], { accept: [0, 1], shielded: true });
  } catch (error) {
    if (!(error instanceof CommandTimeout)) throw error;
  }
}
