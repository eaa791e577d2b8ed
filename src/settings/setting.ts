import type * as z from "zod/mini";
import type { Installation } from "../host/installation.ts";

/** The facts that computed defaults depend on. */
export interface DefaultFacts {
  readonly apiVersion: 5 | 10 | 15 | 20;
  readonly installation: Pick<Installation, "sysconfdir" | "localstatedir">;
}

/** A task that settings can affect: a script that works on a disk, or the upkeep of the cache. */
export type Task = "create" | "import" | "export" | "rename" | "cache";

/** How a setting is given for one instance: as an OS parameter (`gnt-instance add -O NAME=VALUE`). */
export interface PerInstance {
  /** The parameter's name; it reaches the scripts as OSP_NAME. */
  readonly name: string;
  /**
   * The one of Ganeti's three kinds that it is meant for. Public and private values are stored in the `config.ini` of
   * an export. Secret values are never stored there, and never shown here.
   */
  readonly kind: "public" | "private" | "secret";
  /** It changes where software comes from: ALLOWED_PARAMETERS must name it before it can be given. */
  readonly needsPermission?: true;
  /** The line in `parameters.list` when it differs from `help`. Ganeti compares these lines between nodes. */
  readonly description?: string;
}

/** One setting: all facts that are needed to parse, check, show and document it. */
export interface Setting<Value = unknown> {
  /** Its name in `Config`. */
  readonly key: string;
  /** Parses the value of the shell variable. */
  readonly type: z.ZodMiniType<Value, string>;
  readonly default: string | ((facts: DefaultFacts) => string);
  /** The default in words, where it is computed. */
  readonly defaultWords?: string;
  /** All possible values, when they can be listed. */
  readonly choices?: readonly string[];
  /** One or two sentences for the README, the defaults file and the administrator. */
  readonly help: string;
  /** The form of a right value, for error messages. */
  readonly expected: string;
  /** Absent when the setting cannot be given for one instance. */
  readonly perInstance?: PerInstance;
  /** It decides what a bootstrapped system contains, and so belongs to the key of the cache. */
  readonly shapesSystem?: true;
  /** The tasks that it affects. */
  readonly applies: readonly Task[];
  /** A spelling of earlier versions, still read, with a warning. */
  readonly oldSpelling?: string;
  /**
   * Where an empty value counts as a value: everywhere, or in a variant only. Otherwise an empty value is the same as
   * an unset one and gives the default, as in the original.
   */
  readonly empty?: "everywhere" | "in-variant";
  /** Never shown. */
  readonly secret?: boolean;
  /** An example for the defaults file, for settings whose default says little. */
  readonly example?: string;
}
