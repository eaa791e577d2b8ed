import type { SettingName } from "../settings/settings.ts";
import type { SettingOrigin } from "./config.ts";
import { lineOf } from "./files/settings-file.ts";

/** The origin of a value, in words. */
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

/** Like {@link describeOrigin}, with the line number when a line of the file plainly sets `name`. */
export async function placeOf(name: SettingName, origin: SettingOrigin): Promise<string> {
  if (origin.kind !== "file") return describeOrigin(origin);
  const line = await lineOf(origin.path, name);
  return line === undefined ? origin.path : `${origin.path} line ${String(line)}`;
}
