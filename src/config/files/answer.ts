import type { SettingName } from "../../settings/settings.ts";

/** A settings file in the order of evaluation. */
export type Stage = "defaults" | "variant";

/** The values of the settings that are set, as they are in the shell. */
export type Values = Readonly<Partial<Record<SettingName, string>>>;

/** How a settings file ended, and the values that it left. */
export interface StageResult {
  readonly values: Values;
  /** Settings that are arrays: only the first element counts. */
  readonly arrays: readonly SettingName[];
  /** Settings whose old spelling was used. */
  readonly oldSpellings: readonly SettingName[];
  readonly status: number;
  readonly how: "end" | "exit" | "broken";
  readonly line: number | undefined;
}

/** The answer of the shell in settings-shell.ts. */
export interface Answer {
  /** The values in the environment. */
  readonly first: Values;
  readonly stages: Readonly<Partial<Record<Stage, StageResult>>>;
  readonly noVariantFile: boolean;
  /** Entries NAME=VALUE that a child inherits. */
  readonly environment: readonly string[];
  /** Whether the answer came to its end. */
  readonly complete: boolean;
}

/** Reads the words that settings-shell.ts describes. The text may be cut off anywhere. */
export function readAnswer(text: string): Answer {
  const words = text.split("\0")[Symbol.iterator]();
  const next = (): string => words.next().value ?? "";
  const answer = { first: {} as Values, stages: {} as Partial<Record<Stage, StageResult>>, noVariantFile: false };
  let left = nothingLeft();
  for (let word = next(); word !== "" && word !== "environment"; word = next()) {
    switch (word) {
      case "set":
        left.values[next() as SettingName] = next();
        break;
      case "array":
        left.arrays.push(next() as SettingName);
        break;
      case "old":
        left.oldSpellings.push(next() as SettingName);
        break;
      case "first":
        answer.first = left.values;
        left = { ...left, values: {} };
        break;
      case "stage":
        answer.stages[next() as Stage] = { ...left, ...readEnd(next) };
        left = nothingLeft();
        break;
      case "nofile":
        answer.noVariantFile = true;
        break;
    }
  }
  const environment = [...words];
  const end = environment.indexOf("done");
  return { ...answer, environment: environment.slice(0, Math.max(end, 0)), complete: end >= 0 };
}

function nothingLeft(): {
  readonly values: Partial<Record<SettingName, string>>;
  readonly arrays: SettingName[];
  readonly oldSpellings: SettingName[];
} {
  return { values: {}, arrays: [], oldSpellings: [] };
}

function readEnd(next: () => string): Pick<StageResult, "status" | "how" | "line"> {
  const [status, how, line] = [next(), next(), next()];
  return {
    status: Number(status),
    how: how === "exit" || how === "broken" ? how : "end",
    line: line === "" ? undefined : Number(line),
  };
}
