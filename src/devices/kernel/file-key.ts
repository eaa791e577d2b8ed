import { statSync } from "node:fs";
import { hasCode } from "../../host/errors.ts";
import { deviceNumber } from "./block-device.ts";

/** `major:minor:inode`: what identifies a file to the kernel, whatever its path. */
export type FileKey = string;

/** The key of the file at `path` (links followed), or undefined when there is none. */
export function fileKey(path: string): FileKey | undefined {
  try {
    const status = statSync(path, { bigint: true });
    return `${deviceNumber(status.dev)}:${String(status.ino)}`;
  } catch (error) {
    if (hasCode(error, "ENOENT", "ENOTDIR")) return undefined;
    throw error;
  }
}
