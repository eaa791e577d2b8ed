import { access, constants, readFile, stat } from "node:fs/promises";
import type { Stats } from "node:fs";
import { hasCode, messageOf } from "../../host/errors.ts";
import type { Installation } from "../../host/installation.ts";
import { ConfigError } from "../problems.ts";
import type { SettingName } from "../../settings/settings.ts";
import { settingOf } from "../../settings/settings.ts";

/** The file with the defaults of this node. */
export function defaultsFileOf({ sysconfdir }: Pick<Installation, "sysconfdir">): string {
  return `${sysconfdir}/default/ganeti-instance-debootstrap`;
}

/**
 * Returns `path` when there is a file to evaluate. A missing file counts as an empty one, and so does a link to
 * /dev/null, the usual way to mask a file: undefined then. Throws ConfigError when the file cannot be read.
 */
export async function settingsFile(path: string): Promise<string | undefined> {
  try {
    const stats = await stat(path);
    if (stats.isCharacterDevice()) return undefined;
    if (!stats.isFile()) throw new ConfigError([`${path} is not a regular file`]);
    await access(path, constants.R_OK);
    return path;
  } catch (error) {
    if (hasCode(error, "ENOENT", "ENOTDIR")) return undefined;
    if (error instanceof ConfigError) throw error;
    throw new ConfigError([`${path} cannot be read: ${messageOf(error)}`]);
  }
}

/** A warning when users other than root may write `path`, because root runs it; undefined when all is well. */
export async function trustWarning(path: string): Promise<string | undefined> {
  const stats = await stat(path).catch(() => undefined);
  if (stats === undefined) return undefined;
  const writers = writersOf(stats);
  return writers === undefined ? undefined : `${path} is run as root, but can be written by ${writers}`;
}

function writersOf({ uid, gid, mode }: Stats): string | undefined {
  if ((mode & 0o002) !== 0) return "everybody";
  if ((mode & 0o020) !== 0 && gid !== 0) return `group ${String(gid)}`;
  return uid === 0 ? undefined : `user ${String(uid)}`;
}

/** The number of the last line of `path` that assigns `name`, from 1; undefined where no line plainly does. */
export async function lineOf(path: string, name: SettingName): Promise<number | undefined> {
  const text = await readFile(path, "utf8").catch(() => "");
  const spellings = [name, settingOf(name).oldSpelling].filter((spelling) => spelling !== undefined);
  const assignment = new RegExp(String.raw`(?:^|[\s;{:])(?:${spellings.join("|")})(?:\+?=|:?=)`);
  const index = text.split("\n").findLastIndex((line) => !/^\s*#/.test(line) && assignment.test(line));
  return index < 0 ? undefined : index + 1;
}
