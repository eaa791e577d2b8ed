import type * as z from "zod/mini";
import type { DefaultFacts, PerInstance, Setting } from "./setting.ts";
import { backupSettings } from "./themes/backup.ts";
import { bootSettings } from "./themes/boot.ts";
import { cacheSettings } from "./themes/cache.ts";
import { diskSettings } from "./themes/disk.ts";
import { networkSettings } from "./themes/network.ts";
import { nodeSettings } from "./themes/node.ts";
import { systemSettings } from "./themes/system.ts";

/**
 * The table of all settings, by the names they have in the settings files. `Config`, parsing, checks, `config show`, the
 * usage texts, the README's table, `parameters.list`, the defaults file and what common.sh sets are made from it.
 */
export const settings = {
  ...systemSettings,
  ...nodeSettings,
  ...cacheSettings,
  ...diskSettings,
  ...bootSettings,
  ...networkSettings,
  ...backupSettings,
} as const satisfies Record<string, Setting>;

type Table = typeof settings;

/** A setting's name in the settings files. */
export type SettingName = keyof Table;

/** The checked values of all settings, by their keys. */
export type SettingValues = { readonly [Name in SettingName as Table[Name]["key"]]: z.output<Table[Name]["type"]> };

/** A setting's name in `Config`. */
export type SettingKey = keyof SettingValues;

/** All names, in the order of the table. */
export const settingNames = Object.keys(settings) as readonly SettingName[];

/** One entry of the table, with the type that all have in common. */
export function settingOf(name: SettingName): Setting & { readonly key: SettingKey } {
  return settings[name];
}

/** The value of a setting that nobody sets. */
export function defaultOf(name: SettingName, facts: DefaultFacts): string {
  const value = settingOf(name).default;
  return typeof value === "string" ? value : value(facts);
}

/** A setting that can be given for one instance, as an OS parameter. */
export interface OsParameter extends PerInstance {
  readonly setting: SettingName;
  /** The variable that Ganeti gives it in (lib/backend.py, OSCoreEnv: upper case, dashes as underscores). */
  readonly variable: string;
}

/** All OS parameters of the product, in the order of the table. */
export const osParameters: readonly OsParameter[] = settingNames.flatMap((setting) => {
  const { perInstance } = settingOf(setting);
  return perInstance === undefined
    ? []
    : [{ ...perInstance, setting, variable: variableOfParameter(perInstance.name) }];
});

/** The variable of an OS parameter, OSP_ included. */
export function variableOfParameter(parameter: string): string {
  return `OSP_${parameter.toUpperCase().replaceAll("-", "_")}`;
}

/** The settings that decide what a bootstrapped system contains. The key of the cache is made from them. */
export const shapingSettings: readonly SettingName[] = settingNames.filter(
  (name) => settingOf(name).shapesSystem === true,
);
