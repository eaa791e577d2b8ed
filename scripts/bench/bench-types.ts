import type { Timed } from "./machine.ts";

/** Where everything is. All of it below one temporary directory. */
export interface Bench {
  readonly directory: string;
  /** Loop devices of one size; the first is the one that single jobs use. */
  readonly disks: readonly string[];
  /** A swap device for each disk, by the disk's name: two runs on one would wait for each other. */
  readonly swaps: ReadonlyMap<string, string>;
  /** Size of each disk in bytes. */
  readonly diskBytes: number;
  readonly suite: string;
  readonly mirror: string;
  /** Our OS definition, freshly built. */
  readonly ours: string;
  /** The peer's, its cache moved into `directory`. */
  readonly peer: string;
}

/** One side of a comparison. `before` is not timed. */
export interface Contender {
  before?(bench: Bench): Promise<void>;
  run(bench: Bench): Promise<Timed>;
}

/** What is compared: medians of paired runs, contender by contender, in turn. */
export interface Job {
  readonly id: string;
  readonly title: string;
  /** Minutes or more: measured `--slow-runs` times. */
  readonly slow: boolean;
  readonly contenders: Readonly<Record<string, Contender>>;
  readonly goals: readonly Goal[];
}

/** The median of `contender` is to be at most `atMost` times that of `of`; without `of`, `atMost` MB of memory. */
export interface Goal {
  readonly contender: string;
  readonly of?: string;
  readonly atMost: number;
}
