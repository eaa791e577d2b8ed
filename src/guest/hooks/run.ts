import { CommandError, KnownError } from "../../host/errors.ts";
import type { Host } from "../../host/host.ts";
import { run } from "../../host/process/run.ts";
import type { Hooks } from "./find.ts";

export interface HookSurroundings {
  /** The whole environment. */
  readonly environment: Readonly<Record<string, string>>;
  /** The OS directory, where the hooks find common.sh: their working directory. */
  readonly osDir: string;
}

/**
 * Runs the administrator's hooks by run-parts(8), one after the other, names printed as they run; the first that fails
 * ends it. All run in one PID and mount namespace: a daemon they leave ends with them, and so does what they mounted.
 * Throws KnownError that names the failing hook and its exit status.
 */
export async function runHooks(host: Host, hooks: Hooks, surroundings: HookSurroundings): Promise<void> {
  if (hooks.paths.length === 0) return;
  await host.log.phase(`${String(hooks.paths.length)} hooks in ${hooks.directory}`, () =>
    runParts(host, hooks, surroundings),
  );
}

async function runParts(host: Host, { directory }: Hooks, { environment, osDir }: HookSurroundings): Promise<void> {
  const argv = ["run-parts", "--verbose", "--exit-on-error", "--", directory] as const;
  try {
    await run(host, [...argv], { env: environment, cwd: osDir, stdout: "log", isolated: true });
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    // Without the cause: what the hook said stands right above already.
    throw new KnownError(failure(error, directory), {
      hint: "the hook's own words are above; correct it and reinstall the instance",
    });
  }
}

// run-parts' last word: "run-parts: DIR/NAME exited with return code 3" or "... exited because of uncaught signal 9".
function failure({ outcome }: CommandError, directory: string): string {
  const lines = outcome.said.split("\n");
  const last = lines.findLast((line) => line.startsWith(`run-parts: ${directory}`));
  const match = /^run-parts: (.+?) exited (?:with return code (\d+)|because of uncaught signal (\d+))/.exec(last ?? "");
  const [, hook, status, signal] = match ?? [];
  if (hook === undefined) return `a hook in ${directory} failed with exit status ${String(outcome.exitCode)}`;
  return status === undefined
    ? `hook ${hook} was ended by signal ${signal ?? ""}`
    : `hook ${hook} failed with exit status ${status}`;
}
