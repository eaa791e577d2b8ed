import { statSync } from "node:fs";
import { ifThereSync } from "../../host/files/absent.ts";
import { deviceNumber } from "./block-device.ts";

/** `major:minor:inode`: the kernel's identity of a file, which does not depend on its path. */
export type FileKey = string;

/** The key of the file at `path` (links followed), or undefined when there is none. */
export function fileKey(path: string): FileKey | undefined {
  const status = ifThereSync(() => statSync(path, { bigint: true }));
  return status && `${deviceNumber(status.dev)}:${String(status.ino)}`;
}
