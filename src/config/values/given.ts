import { type OsParameter, osParameters, type SettingName, settingOf } from "../../settings/settings.ts";
import type { Layered } from "../layers.ts";

/** An OS parameter with the value that was given for this instance. */
export interface GivenParameter extends OsParameter {
  readonly value: string;
}

/**
 * The OS parameters of the environment that have an effect on `action`. An empty value is the same as none. Parameters
 * without an effect are not checked, so that a wrong one does not keep an instance from being backed up or renamed.
 */
export function givenParameters(
  environment: Readonly<Record<string, string>>,
  action: string,
): readonly GivenParameter[] {
  return osParameters.flatMap((parameter) => {
    const value = environment[parameter.variable] ?? "";
    return value === "" || !hasEffect(parameter.setting, action) ? [] : [{ ...parameter, value }];
  });
}

/** Whether a setting has an effect on `action`. Each script has its own settings; for any other action all count. */
export function hasEffect(name: SettingName, action: string): boolean {
  const isScript = action === "create" || action === "import" || action === "export" || action === "rename";
  return !isScript || settingOf(name).applies.includes(action);
}

/** The values by setting, with their origin. */
export function givenValues(given: readonly GivenParameter[]): Partial<Record<SettingName, Layered>> {
  return Object.fromEntries(
    given.map(({ setting, name, value }) => [setting, { value, origin: { kind: "os-parameter", name } }]),
  );
}

/**
 * `environment` as the settings files left it, with the OS parameters as they were given for the instance: hooks see
 * the values in force.
 */
export function withGiven(
  environment: Readonly<Record<string, string>>,
  given: readonly GivenParameter[],
): Readonly<Record<string, string>> {
  const result: Record<string, string> = { ...environment };
  for (const { variable, setting, value } of given) {
    result[variable] = value;
    if (result[setting] !== undefined) result[setting] = value;
  }
  return result;
}
