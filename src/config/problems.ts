import { KnownError } from "../host/errors.ts";

/** Everything that is wrong with the settings, in one error. */
export class ConfigError extends KnownError {
  override readonly name = "ConfigError";
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super(problems.length === 1 ? (problems[0] ?? "") : `the settings cannot be used:\n${indented(problems)}`, {
      hint: "ganeti-instance-debootstrap config show  prints each setting and where it was set",
    });
    this.problems = problems;
  }
}

function indented(problems: readonly string[]): string {
  return problems.map((problem) => `  ${problem}`).join("\n");
}
