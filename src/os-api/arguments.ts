import { realpathSync, statSync } from "node:fs";
import { resolve } from "node:path";
import { Command, CommanderError, Option } from "commander";
import { nameProblem } from "./instance-name.ts";
import { flags, type Action, type Flag } from "./usage.ts";

/** The flags of an OS API 5 call by letter, and all problems with them. */
export interface ParsedArguments {
  readonly values: Readonly<Partial<Record<Flag["letter"], string>>>;
  readonly problems: readonly string[];
}

/** Reads the argv that OS API 5 gives `action`. Touches nothing: paths are only compared. */
export function parseArguments(action: Action, argv: readonly string[]): ParsedArguments {
  const { given, unexpected, problems } = readFlags(action, argv);
  const values: Partial<Record<Flag["letter"], string>> = {};
  for (const { letter } of flags[action]) {
    const value = given[letter]?.at(-1);
    if (value !== undefined) values[letter] = value;
  }
  return {
    values,
    problems: [
      ...problems,
      ...unexpected.map((word) => `unexpected argument ${JSON.stringify(word)}`),
      ...missing(flags[action], given, problems),
      ...flags[action].flatMap((flag) => flagProblems(flag, given[flag.letter] ?? [])),
      ...sameDevice(values.b, values.s),
    ],
  };
}

interface GivenFlags {
  readonly given: Readonly<Partial<Record<string, readonly string[]>>>;
  readonly unexpected: readonly string[];
  readonly problems: readonly string[];
}

// Commander stops at the first unknown flag. They are let through here, so that all problems are reported together.
function readFlags(action: Action, argv: readonly string[]): GivenFlags {
  const command = new Command(action)
    .exitOverride()
    .configureOutput({ writeOut: () => undefined, writeErr: () => undefined })
    .helpOption(false)
    .allowUnknownOption()
    .allowExcessArguments();
  for (const { letter, value } of flags[action]) {
    command.addOption(
      new Option(`-${letter} <${value}>`).argParser((word: string, earlier: readonly string[] | undefined) => [
        ...(earlier ?? []),
        word,
      ]),
    );
  }
  const problems: string[] = [];
  try {
    command.parse(argv, { from: "user" });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    problems.push(error.message.replace(/^error: /, ""));
  }
  return { given: command.opts(), unexpected: command.args, problems };
}

// Commander gives up at a flag without its value. The flags before it were read; the rest is unknown.
function missing(wanted: readonly Flag[], given: GivenFlags["given"], problems: readonly string[]): readonly string[] {
  if (problems.length > 0) return [];
  const absent = wanted.filter(({ letter }) => given[letter] === undefined);
  if (absent.length === 0) return [];
  return [`missing: ${absent.map(({ letter, value }) => `-${letter} ${value}`).join(", ")}`];
}

function flagProblems({ letter, value }: Flag, words: readonly string[]): readonly string[] {
  const repeated = new Set(words).size > 1 ? [`-${letter} is given more than once, with different values`] : [];
  const isName = letter === "i" || letter === "n" || letter === "o";
  const found = words
    .map((word) => (isName ? nameProblem(word) : pathProblem(word)))
    .find((text) => text !== undefined);
  return found === undefined ? repeated : [...repeated, `-${letter} ${value} ${found}`];
}

function pathProblem(path: string): string | undefined {
  if (path === "") return "is empty";
  return path.startsWith("-") ? `begins with a dash: ${JSON.stringify(path)}` : undefined;
}

function sameDevice(disk: string | undefined, swap: string | undefined): readonly string[] {
  if (disk === undefined || swap === undefined || disk === "" || swap === "") return [];
  return identity(disk) === identity(swap) ? [`-b ${disk} and -s ${swap} are the same device`] : [];
}

// Two names of one device: a symlink, or a second node with the same numbers.
function identity(path: string): string {
  try {
    const real = realpathSync(path);
    const stat = statSync(real);
    if (stat.isBlockDevice()) return `block device ${String(stat.rdev)}`;
    return `file ${String(stat.dev)}:${String(stat.ino)}`;
  } catch {
    return resolve(path);
  }
}
