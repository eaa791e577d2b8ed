import type { SettingOrigin } from "./config.ts";
import type { Evaluation } from "./files/evaluate.ts";
import { defaultOf, osParameters, type SettingName, settingNames, settingOf } from "../settings/settings.ts";
import type { DefaultFacts } from "../settings/setting.ts";

/** A value as the shell had it, and where it came from. */
export interface Layered {
  readonly value: string;
  readonly origin: SettingOrigin;
}

/** The files that were evaluated. */
export interface SettingsFiles {
  readonly defaults: string;
  readonly variant: string | undefined;
}

/**
 * The value in force of each setting: built-in, environment, defaults file, variant, and what was `given` for the
 * instance; each later one wins. A value that a file leaves as it was keeps its origin.
 */
export function layered(
  evaluation: Evaluation,
  facts: DefaultFacts,
  files: SettingsFiles,
  given: Readonly<Partial<Record<SettingName, Layered>>>,
): Record<SettingName, Layered> {
  const entries = settingNames.map((name): [SettingName, Layered] => {
    const before = beforeVariant(name, evaluation, facts, files);
    const ofNode = afterVariant(name, before, evaluation, facts, files);
    return [name, given[name] ?? withoutEffect(name, ofNode, facts)];
  });
  return Object.fromEntries(entries) as Record<SettingName, Layered>;
}

function beforeVariant(
  name: SettingName,
  { environmentValues, defaults }: Evaluation,
  facts: DefaultFacts,
  files: SettingsFiles,
): Layered {
  const value = defaults.values[name];
  if (value === undefined || (value === "" && settingOf(name).empty !== "everywhere")) return builtIn(name, facts);
  if (value !== environmentValues[name]) return { value, origin: { kind: "file", path: files.defaults } };
  return { value, origin: originInEnvironment(name) };
}

// Of all settings only OSP_FILESYSTEM has the name of its OS parameter's variable.
function originInEnvironment(name: SettingName): SettingOrigin {
  const parameter = osParameters.find(({ variable }) => variable === name);
  return parameter === undefined ? { kind: "environment" } : { kind: "os-parameter", name: parameter.name };
}

// An OS parameter that `given` leaves out has no effect on the task at hand, so its value does not count.
function withoutEffect(name: SettingName, value: Layered, facts: DefaultFacts): Layered {
  return value.origin.kind === "os-parameter" ? builtIn(name, facts) : value;
}

function afterVariant(
  name: SettingName,
  before: Layered,
  { variant }: Evaluation,
  facts: DefaultFacts,
  files: SettingsFiles,
): Layered {
  if (variant === undefined || files.variant === undefined) return before;
  const value = variant.values[name] ?? "";
  if (value === before.value) return before;
  const resets = value === "" && settingOf(name).empty === undefined;
  const inForce = resets ? defaultOf(name, facts) : value;
  return inForce === before.value ? before : { value: inForce, origin: { kind: "file", path: files.variant } };
}

function builtIn(name: SettingName, facts: DefaultFacts): Layered {
  return { value: defaultOf(name, facts), origin: { kind: "default" } };
}
