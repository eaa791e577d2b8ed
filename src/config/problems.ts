import { KnownError, quoteArgv } from "../host/errors.ts";

/** Everything that is wrong with the settings, in one error. */
export class ConfigError extends KnownError {
  override readonly name = "ConfigError";
  readonly problems: readonly string[];

  /** `variant`: the variant that the settings belong to, if any. */
  constructor(problems: readonly string[], variant?: string) {
    const option = variant === undefined ? "" : ` --variant ${quoteArgv([variant])}`;
    super(problems.length === 1 ? (problems[0] ?? "") : `the settings cannot be used:\n${indented(problems)}`, {
      hint: `ganeti-instance-debootstrap config show${option}  prints each setting and where it was set`,
    });
    this.problems = problems;
  }
}

function indented(problems: readonly string[]): string {
  return problems.map((problem) => `  ${problem}`).join("\n");
}
