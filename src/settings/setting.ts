import type * as z from "zod/mini";
import type { Installation } from "../host/installation.ts";

/** What computed defaults depend on. */
export interface DefaultFacts {
  readonly apiVersion: 5 | 10 | 15 | 20;
  readonly installation: Pick<Installation, "sysconfdir" | "localstatedir">;
}

/** What a setting can have an effect on: a script that works on a disk, or the upkeep of the cache. */
export type Task = "create" | "import" | "export" | "rename" | "cache";

/** How a setting is given for one instance: as OS parameter (`gnt-instance add -O NAME=VALUE`). */
export interface PerInstance {
  /** The parameter's name; it reaches the scripts as OSP_NAME. */
  readonly name: string;
  /**
   * Which of Ganeti's three kinds it is meant for. Public and private values end in the `config.ini` of an export;
   * secret ones are never stored, and never shown here.
   */
  readonly kind: "public" | "private" | "secret";
  /** It changes where software comes from: ALLOWED_PARAMETERS must name it before it can be given. */
  readonly needsPermission?: true;
  /** The line in `parameters.list`, where that is not `help`: Ganeti compares it between nodes. */
  readonly description?: string;
}

/** One setting: everything that parsing, checking, showing and documenting it takes. */
export interface Setting<Value = unknown> {
  /** Its name in `Config`. */
  readonly key: string;
  /** Takes what the shell variable holds. */
  readonly type: z.ZodMiniType<Value, string>;
  readonly default: string | ((facts: DefaultFacts) => string);
  /** The default in words, where it is computed. */
  readonly defaultWords?: string;
  /** All values there are, where they can be counted. */
  readonly choices?: readonly string[];
  /** One or two sentences for the README, the defaults file and the administrator. */
  readonly help: string;
  /** What a value has to look like, for error messages. */
  readonly expected: string;
  /** Absent: it cannot be given for one instance. */
  readonly perInstance?: PerInstance;
  /** It decides what a bootstrapped system contains, and so belongs to the key of the cache. */
  readonly shapesSystem?: true;
  /** What it has an effect on. */
  readonly applies: readonly Task[];
  /** A spelling of earlier versions, still read, with a warning. */
  readonly oldSpelling?: string;
  /**
   * Where an empty value counts as it is: everywhere, or in a variant only. Otherwise, as in the original, empty is the
   * same as unset: the default.
   */
  readonly empty?: "everywhere" | "in-variant";
  /** Never shown. */
  readonly secret?: boolean;
  /** An example for the defaults file, where the default itself would say little. */
  readonly example?: string;
}
