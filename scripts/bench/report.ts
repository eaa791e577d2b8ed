import { cpus, release, totalmem } from "node:os";
import type { Goal, Job } from "./bench-types.ts";
import type { Timed } from "./machine.ts";

/** All runs of a job, contender by contender, in the order they were made. */
export type Runs = Readonly<Record<string, readonly Timed[]>>;

/** One goal and what came of it. */
export interface Outcome {
  readonly job: string;
  readonly title: string;
  readonly goal: Goal;
  /** Ratio of medians, or MB. */
  readonly value: number;
  /** Median of the ratios within each round; undefined for memory, and where a round lacks one of the two. */
  readonly paired: number | undefined;
  readonly met: boolean;
}

/** The middle value; of an even number the mean of the two in the middle. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length / 2;
  return ((sorted[Math.floor(middle)] ?? Number.NaN) + (sorted[Math.ceil(middle) - 1] ?? Number.NaN)) / 2;
}

export function outcomes(job: Job, runs: Runs): readonly Outcome[] {
  return job.goals.map((goal) => {
    const own = runs[goal.contender] ?? [];
    const other = goal.of === undefined ? [] : (runs[goal.of] ?? []);
    const value =
      goal.of === undefined
        ? Math.max(...own.map(({ peakMegabytes }) => peakMegabytes))
        : median(seconds(own)) / median(seconds(other));
    return { job: job.id, title: job.title, goal, value, paired: paired(own, other), met: value <= goal.atMost };
  });
}

function paired(own: readonly Timed[], other: readonly Timed[]): number | undefined {
  if (own.length !== other.length) return undefined;
  return median(own.map((time, round) => time.seconds / (other[round]?.seconds ?? Number.NaN)));
}

/** The medians and goals of one job, for people. */
export function formatJob(job: Job, runs: Runs): string {
  const lines = Object.entries(runs).map(([name, times]) => {
    const all = seconds(times);
    const spread = `${Math.min(...all).toFixed(2)}-${Math.max(...all).toFixed(2)}`;
    return `  ${name.padEnd(12)} ${median(all).toFixed(2).padStart(7)} s  (${spread}, ${String(all.length)} runs)`;
  });
  const goals = outcomes(job, runs).map(
    ({ goal, value, paired, met }) =>
      `  ${met ? "met   " : "MISSED"} ${describe(goal)}: ${value.toFixed(2)}${paired === undefined ? "" : ` (pair by pair ${paired.toFixed(2)})`}`,
  );
  return [job.title, ...lines, ...goals, ""].join("\n");
}

/** What the figures were taken on. */
export function machine(): Readonly<Record<string, string | number>> {
  return {
    cpu: cpus()[0]?.model ?? "",
    cores: cpus().length,
    memoryMB: Math.round(totalmem() / 1e6),
    kernel: release(),
    node: process.version,
    date: new Date().toISOString(),
  };
}

function describe({ contender, of, atMost }: Goal): string {
  return of === undefined
    ? `${contender}: at most ${String(atMost)} MB of memory`
    : `${contender} at most ${String(atMost)} of ${of}`;
}

function seconds(times: readonly Timed[]): readonly number[] {
  return times.map((time) => time.seconds);
}
