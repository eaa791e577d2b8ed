import type { Log } from "../../host/log.ts";

/** Takes what mmdebstrap says, line by line, and makes phases of it. */
export interface MmdebstrapProgress {
  line(this: void, text: string): void;
  /** Logs the phase under way. */
  end(): void;
  /** The last lines, for an error. */
  readonly last: readonly string[];
}

const kept = 15;

/**
 * mmdebstrap announces each step as `I: installing essential packages...` and reports no percentages unless it has a
 * terminal of its own. Each step is logged with its seconds when the next begins.
 */
export function readMmdebstrapProgress(log: Log, now: () => number = () => performance.now()): MmdebstrapProgress {
  const last: string[] = [];
  let phase: { readonly name: string; readonly since: number } | undefined;
  const end = (): void => {
    if (phase === undefined) return;
    log.progress(undefined);
    log.info(`  ${phase.name} (${((now() - phase.since) / 1000).toFixed(1)} s)`);
    phase = undefined;
  };
  return {
    last,
    end,
    line(text) {
      last.push(text);
      if (last.length > kept) last.shift();
      const step = /^I: (.+?)\.\.\.\s*$/.exec(text)?.[1];
      if (step === undefined) return;
      end();
      phase = { name: step, since: now() };
      log.progress(step);
    },
  };
}
