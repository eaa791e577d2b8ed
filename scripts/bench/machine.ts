import { execFileSync, spawn } from "node:child_process";
import { readFileSync } from "node:fs";

/** PATH as Ganeti gives it. */
export const systemPath = "/sbin:/bin:/usr/sbin:/usr/bin";

/** How a finished command did. */
export interface Timed {
  readonly seconds: number;
  /** Most memory its first process ever held, in MB; of a shell that only execs, what it became. */
  readonly peakMegabytes: number;
}

const running = new Set<number>();

/** Ends every command under way, with all it started. */
export function endAll(): void {
  for (const pid of running) process.kill(-pid, "SIGKILL");
}

/** Runs a command to its end with only `environment`. Throws with the end of what it said when it fails. */
export async function timed(
  argv: readonly [string, ...string[]],
  options: { readonly cwd?: string; readonly environment?: Readonly<Record<string, string>> } = {},
): Promise<Timed> {
  const [file, ...args] = argv;
  const begin = performance.now();
  const child = spawn(file, args, {
    cwd: options.cwd,
    env: { PATH: systemPath, ...options.environment },
    stdio: ["ignore", "pipe", "pipe"],
    detached: true,
  });
  if (child.pid !== undefined) running.add(child.pid);
  let said = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text: string) => {
      said = (said + text).slice(-4000);
    });
  }
  let peakMegabytes = 0;
  const watch = setInterval(() => {
    peakMegabytes = Math.max(peakMegabytes, peakOf(child.pid));
  }, 50);
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once("error", reject).once("close", resolve);
  });
  clearInterval(watch);
  running.delete(child.pid ?? 0);
  if (code !== 0) throw new Error(`${argv.join(" ")}: exit status ${String(code)}\n${said}`);
  return { seconds: (performance.now() - begin) / 1000, peakMegabytes };
}

/** Runs a shell script and returns what it printed. */
export function sh(script: string, ...args: readonly string[]): string {
  // bash takes a socket for stdin, as node gives it, for a remote shell and reads its bashrc.
  const options = { encoding: "utf8" as const, stdio: ["ignore" as const, "pipe" as const, "inherit" as const] };
  return execFileSync("bash", ["-euo", "pipefail", "-c", script, "bash", ...args], options).trimEnd();
}

function peakOf(pid: number | undefined): number {
  try {
    return Number(/^VmHWM:\s+(\d+) kB/m.exec(readFileSync(`/proc/${String(pid)}/status`, "utf8"))?.[1] ?? 0) / 1000;
  } catch {
    return 0;
  }
}
