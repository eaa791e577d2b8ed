import { access, constants, readFile, stat } from "node:fs/promises";
import { isAbsolute } from "node:path";
import type { StageResult, Values } from "./answer.ts";
import type { Evaluation, EvaluationTask } from "./evaluate.ts";
import { defaultOf, type SettingName, settingNames, settingOf } from "../settings/settings.ts";

// What bash sets, reads or forbids to set in its own way.
const shellVariable =
  /^(?:BASH|COMP_|EPOCH|READLINE_|SHELLOPTS|UID|EUID|PPID|GROUPS|DIRSTACK|FUNC|HIST|HOST|IFS|LINENO|MAPFILE|OPT|OSTYPE|MACHTYPE|PIPESTATUS|POSIXLY_CORRECT|PS[0-9]|LC_ALL|LD_|GID_SETTINGS_SHELL|RANDOM|SRANDOM|REPLY|SECONDS|COPROC|COLUMNS|LINES)|^__gid_|[^A-Za-z0-9_]|^[0-9]|^$/;

/**
 * What the shell would answer (settings-shell.ts) where no settings file has anything for it to run: none is there, or
 * all they hold is comments, as the installed ones do. Undefined when a shell must say.
 */
export async function unchangedValues(task: EvaluationTask): Promise<Evaluation | undefined> {
  if (Object.keys(task.environment).some((name) => shellVariable.test(name))) return undefined;
  if (task.defaultsFile !== undefined && (await holdsStatements(task.defaultsFile))) return undefined;
  const { values, oldSpellings } = respelled(task.environment);
  const filled = withDefaults(values, task);
  if (!isAbsolute(filled.VARIANTS_DIR ?? "")) return undefined;
  const variant = await variantFile(task, filled);
  if (variant === "statements") return undefined;
  return {
    environmentValues: values,
    defaults: { ...ended, values, oldSpellings },
    variant: variant === "comments" ? { ...ended, values: filled, oldSpellings: [] } : undefined,
    noVariantFile: variant === "missing",
    environment: Object.fromEntries(
      Object.entries(task.environment).map(([name, value]) => [
        name,
        isSetting(name) ? (filled[name] ?? value) : value,
      ]),
    ),
    said: "",
  };
}

const ended: Omit<StageResult, "values" | "oldSpellings"> = { arrays: [], status: 0, how: "end", line: undefined };

// Without a file to read, or when in doubt, the shell shall say.
async function holdsStatements(path: string): Promise<boolean> {
  const lines = (await readFile(path, "latin1").catch(() => "unreadable")).split("\n");
  return !lines.every((line) => /^[ \t]*(?:#[^\0\r]*)?$/.test(line));
}

async function variantFile(
  { variant }: EvaluationTask,
  { VARIANTS_DIR: directory = "" }: Values,
): Promise<"none" | "missing" | "comments" | "statements"> {
  if (variant === undefined || variant === "") return "none";
  // Not joined: the shell, too, lets the kernel resolve `..`.
  const path = `${directory}/${variant}.conf`;
  try {
    if (!(await stat(path)).isFile()) return "missing";
    await access(path, constants.R_OK);
  } catch {
    return "missing";
  }
  return (await holdsStatements(path)) ? "statements" : "comments";
}

function respelled(environment: Readonly<Record<string, string>>): {
  readonly values: Values;
  readonly oldSpellings: readonly SettingName[];
} {
  const values: Partial<Record<SettingName, string>> = {};
  const oldSpellings: SettingName[] = [];
  for (const name of settingNames) {
    const value = environment[name];
    const old = environment[settingOf(name).oldSpelling ?? ""] ?? "";
    if (old !== "") oldSpellings.push(name);
    const chosen = value === undefined || value === "" ? (old === "" ? value : old) : value;
    if (chosen !== undefined) values[name] = chosen;
  }
  return { values, oldSpellings };
}

function withDefaults(values: Values, { facts }: EvaluationTask): Values {
  const filled: Partial<Record<SettingName, string>> = {};
  for (const name of settingNames) {
    const value = values[name];
    const isKept = value !== undefined && (value !== "" || settingOf(name).empty === "everywhere");
    filled[name] = isKept ? value : defaultOf(name, facts);
  }
  return filled;
}

function isSetting(name: string): name is SettingName {
  return (settingNames as readonly string[]).includes(name);
}
