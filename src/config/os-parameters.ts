import { type Setting, type SettingName, settingNames, settingOf } from "./settings.ts";

/** A setting that can be given for one instance. */
export interface OsParameter {
  /** As in `gnt-instance add -O NAME=VALUE`. */
  readonly parameter: string;
  readonly name: SettingName;
  readonly setting: Setting;
}

/** The settings that are OS parameters; `parameters.list` declares them to Ganeti. */
export function osParameterSettings(): readonly OsParameter[] {
  return settingNames.flatMap((name) => {
    const setting = settingOf(name);
    return setting.osParameter === undefined ? [] : [{ parameter: setting.osParameter, name, setting }];
  });
}
