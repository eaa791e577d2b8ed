import { printable } from "../../host/printable.ts";
import { type SettingName, settingNames, settingOf, type SettingValues } from "../../settings/settings.ts";
import { storageProblem } from "../../settings/storable.ts";
import type { Layered } from "../layers.ts";
import { placeOf } from "../origin.ts";
import { rules, type Rule } from "./rules.ts";

/** Values by setting name, right or wrong. An absent one is unknown. */
export type RawValues = Readonly<Partial<Record<SettingName, Layered>>>;

/** The result of checking values. */
export interface CheckedValues {
  /** The right values, by key. */
  readonly values: Partial<SettingValues>;
  /** Every problem, in one sentence each. */
  readonly problems: readonly string[];
}

/** What an environment variable of a hook can hold (128 KiB), with room for its neighbours. */
const longestValue = 100_000;

/**
 * Checks each value by itself, then applies the rules across settings to the right ones. This is the only checker of
 * settings, so `verify`, the scripts and `config check` report the same for the same value. A rule counts only when
 * `isConcerned` is true for all its settings.
 */
export async function checkValues(
  raw: RawValues,
  isConcerned: (name: SettingName) => boolean = () => true,
): Promise<CheckedValues> {
  const values: Record<string, unknown> = {};
  const problems: string[] = [];
  for (const name of settingNames) {
    const given = raw[name];
    if (given === undefined) continue;
    const problem = valueProblem(name, given);
    if (problem === undefined) values[settingOf(name).key] = settingOf(name).type.parse(given.value);
    else problems.push(`${shown(name, given)} (${await placeOf(name, given.origin)}): ${problem}`);
  }
  for (const rule of rules) {
    const problem = rule.names.every(isConcerned) ? ruleProblem(rule, values) : undefined;
    if (problem !== undefined) problems.push(`${problem} (${await placesOf(rule, raw)})`);
  }
  return { values, problems };
}

function valueProblem(name: SettingName, { value, origin }: Layered): string | undefined {
  const { type, expected, perInstance } = settingOf(name);
  if (value.length > longestValue) return `expected at most ${String(longestValue)} characters`;
  if (!type.safeParse(value).success) return `expected ${expected}`;
  return origin.kind === "os-parameter" && perInstance?.kind !== "secret" ? storageProblem(value) : undefined;
}

function shown(name: SettingName, { value }: Layered): string {
  return settingOf(name).secret === true ? name : `${name}=${printable(JSON.stringify(value))}`;
}

function ruleProblem({ names, problem }: Rule, values: Readonly<Record<string, unknown>>): string | undefined {
  const areKnown = names.every((name) => Object.hasOwn(values, settingOf(name).key));
  return areKnown ? problem(values as unknown as SettingValues) : undefined;
}

async function placesOf({ names }: Rule, raw: RawValues): Promise<string> {
  const places = names.flatMap((name) => {
    const given = raw[name];
    return given === undefined || given.origin.kind === "default" ? [] : [{ name, origin: given.origin }];
  });
  const words = await Promise.all(places.map(async ({ name, origin }) => `${name}: ${await placeOf(name, origin)}`));
  return words.length === 0 ? "built-in" : words.join("; ");
}
