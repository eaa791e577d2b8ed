import { KnownError } from "../../host/errors.ts";
import type { RootedFiles } from "../../host/files/rooted-files.ts";

/**
 * Lets root log in without a password, as `passwd -d root`: in the shadow file, or in passwd where there are no shadow
 * passwords. Throws KnownError when the guest has no account called root.
 */
export async function removeRootPassword(files: RootedFiles): Promise<void> {
  const passwd = await files.read("/etc/passwd");
  if (passwd === undefined || passwordOf(passwd) === undefined) {
    throw new KnownError("/etc/passwd in the guest has no account called root", {
      hint: "the system it was made from is not complete: remove its cache and create again",
    });
  }
  const hasShadow = await files.exists("/etc/shadow");
  if (hasShadow) await files.edit("/etc/shadow", withoutPassword);
  await files.edit("/etc/passwd", (text) => (hasShadow ? withPassword(text, "x") : withoutPassword(text)));
}

function passwordOf(text: string): string | undefined {
  return /^root:([^:\n]*):/m.exec(text)?.[1];
}

function withoutPassword(text: string): string {
  return passwordOf(text) === undefined ? `root:::0:99999:7:::\n${text}` : withPassword(text, "");
}

function withPassword(text: string, password: string): string {
  return text.replace(/^root:[^:\n]*:/m, `root:${password}:`);
}
