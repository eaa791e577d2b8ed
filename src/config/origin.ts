import type { SettingName } from "../settings/settings.ts";
import type { SettingOrigin } from "./config.ts";
import { lineOf } from "./settings-file.ts";

/** Where a value came from, in words. */
export function describeOrigin(origin: SettingOrigin): string {
  switch (origin.kind) {
    case "default":
      return "built-in";
    case "environment":
      return "environment";
    case "os-parameter":
      return `OS parameter ${origin.name}`;
    case "file":
      return origin.path;
  }
}

/** As {@link describeOrigin}, with the line of a file where one plainly sets `name`. */
export async function placeOf(name: SettingName, origin: SettingOrigin): Promise<string> {
  if (origin.kind !== "file") return describeOrigin(origin);
  const line = await lineOf(origin.path, name);
  return line === undefined ? origin.path : `${origin.path} line ${String(line)}`;
}
