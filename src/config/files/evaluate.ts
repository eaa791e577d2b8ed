import { CommandError, KnownError, quoteArgv } from "../../host/errors.ts";
import type { Host } from "../../host/host.ts";
import { run } from "../../host/process/run.ts";
import { fileOutput, type FileOutput, untold } from "./file-output.ts";
import { readAnswer, type StageResult, type Values } from "./answer.ts";
import { defaultOf, settingNames, settingOf } from "../../settings/settings.ts";
import type { DefaultFacts } from "../../settings/setting.ts";
import { settingsShell } from "./settings-shell.ts";

/** The result of evaluating the settings files in the shell. */
export interface Evaluation {
  /** The values in the environment. */
  readonly environmentValues: Values;
  /** After the defaults file; built-in values are not filled in. */
  readonly defaults: StageResult;
  /** After the variant; undefined without one, or without a file for it. */
  readonly variant: StageResult | undefined;
  /** There is no readable file for the variant. */
  readonly noVariantFile: boolean;
  /** The environment that a child inherits after all files. */
  readonly environment: Readonly<Record<string, string>>;
  /** The last lines that were printed: bash names the file and the line of an error there. */
  readonly said: string;
  /** Logs the errors that bash reported, except those that `told` repeats. */
  readonly sayUntold: (told: readonly string[]) => void;
}

/** What to evaluate. */
export interface EvaluationTask {
  /** Undefined where there is no such file. */
  readonly defaultsFile: string | undefined;
  readonly variant: string | undefined;
  readonly environment: Readonly<Record<string, string>>;
  readonly facts: DefaultFacts;
  /** Working directory and `$0`, which files may use. */
  readonly directory: string;
  readonly command: string;
  readonly timeoutSeconds: number;
}

/**
 * Evaluates the settings files in one bash. Their output goes to the log. Throws KnownError when they do not end in
 * time, or when they end the shell in a way that leaves no values (exec, kill).
 */
export async function evaluate(host: Host, task: EvaluationTask): Promise<Evaluation> {
  const files = [task.defaultsFile ?? "", task.variant ?? ""] as const;
  const output = fileOutput(host.log);
  const outcome = await run(
    { ...host, log: output.log },
    ["bash", "-p", "-c", 'eval "$GID_SETTINGS_SHELL"', task.command, ...files],
    {
      env: { ...task.environment, GID_SETTINGS_SHELL: `__gid_settings=(${table(task.facts)})\n${settingsShell}` },
      cwd: task.directory,
      stderr: "log",
      // A process that a file leaves behind, for example a daemon, would hold our descriptors for ever.
      isolated: process.getuid?.() === 0,
      timeoutSeconds: task.timeoutSeconds,
      accept: Array.from({ length: 256 }, (_, status) => status),
    },
  ).catch((error: unknown) => {
    sayUntold(host, output, []);
    throw error instanceof CommandError ? unfinished(task, error) : error;
  });
  const { first, stages, noVariantFile, environment, complete } = readAnswer(outcome.stdout);
  if (!complete || stages.defaults === undefined) {
    const error = withoutValues(task, stages.defaults, outcome.said);
    sayUntold(host, output, [error.message]);
    throw error;
  }
  return {
    environmentValues: first,
    defaults: stages.defaults,
    variant: stages.variant,
    noVariantFile,
    environment: inherited(environment, task.environment, host),
    said: outcome.said,
    sayUntold: (told) => {
      sayUntold(host, output, told);
    },
  };
}

function sayUntold(host: Host, { complaints }: FileOutput, told: readonly string[]): void {
  for (const complaint of untold(complaints, told)) host.log.raw(`${complaint}\n`);
}

function table(facts: DefaultFacts): string {
  const words = settingNames.flatMap((name) => [
    name,
    defaultOf(name, facts),
    settingOf(name).empty === "everywhere" ? "unset" : "empty",
    settingOf(name).oldSpelling ?? "",
  ]);
  return quoteArgv(words);
}

function unfinished(task: EvaluationTask, error: CommandError): KnownError {
  const names = filesOf(task).join(" and ");
  return new KnownError(
    `cannot read the settings from ${names}: they did not end within ${String(task.timeoutSeconds)} s, or the shell was killed`,
    { hint: `run  bash ${filesOf(task)[0] ?? ""}  by hand to see what it waits for`, cause: error },
  );
}

function withoutValues(task: EvaluationTask, defaults: StageResult | undefined, said: string): KnownError {
  const file = (defaults === undefined ? filesOf(task)[0] : filesOf(task).at(-1)) ?? "the settings";
  const words = said === "" ? "" : `; its last output: ${said}`;
  return new KnownError(`${file} ended the shell before its values could be read${words}`, {
    hint: "settings files must not use exec, kill or a trap that ends the shell",
  });
}

function filesOf({ defaultsFile, variant }: EvaluationTask): readonly string[] {
  return [
    ...(defaultsFile === undefined ? [] : [defaultsFile]),
    ...(variant === undefined ? [] : [`variant ${variant}`]),
  ];
}

// Bash sets these variables for its children by itself. Children get them with the values that we were given.
const shellOwn = ["_", "SHLVL", "PWD", "OLDPWD"];

// Every command gets these values unless the caller chose others, so they are not a choice of the settings either.
function inherited(
  entries: readonly string[],
  given: Readonly<Record<string, string>>,
  host: Host,
): Readonly<Record<string, string>> {
  const after = new Map(entries.map((entry) => splitEntry(entry)));
  for (const name of shellOwn) after.delete(name);
  for (const [name, value] of Object.entries({ PATH: host.path, LC_ALL: "C" })) {
    if (given[name] === undefined && after.get(name) === value) after.delete(name);
  }
  const own = Object.entries(given).filter(([name]) => shellOwn.includes(name));
  return Object.fromEntries([...after, ...own].filter(([name]) => !name.startsWith("__gid_")));
}

function splitEntry(entry: string): readonly [name: string, value: string] {
  const end = entry.indexOf("=");
  return [entry.slice(0, end), entry.slice(end + 1)];
}
