import type { Stats } from "node:fs";
import { KnownError, quoteArgv } from "../errors.ts";

const othersWrite = 0o022;
const sticky = 0o1000;

/** Others than root may change something that root relies on. */
export class UntrustedFile extends KnownError {
  override readonly name = "UntrustedFile";
}

/**
 * Throws UntrustedFile when others than root, or than the user who runs this, may write to the file or directory at
 * `path`; with an ACL the group's bits are its mask (acl(5)). `shared`: a directory where others may keep files of
 * theirs, like /var/tmp, will do.
 */
export function requireOwned(
  path: string,
  { uid, mode }: Pick<Stats, "uid" | "mode">,
  { shared = false }: { readonly shared?: boolean } = {},
): void {
  const foreign = uid !== 0 && uid !== process.geteuid?.();
  const open = (mode & othersWrite) !== 0 && !(shared && (mode & sticky) !== 0);
  if (!foreign && !open) return;
  const remedies = [foreign ? quoteArgv(["chown", "root:", path]) : [], open ? quoteArgv(["chmod", "go-w", path]) : []];
  throw new UntrustedFile(
    `${path} can be changed by others than root: its owner is uid ${String(uid)}, its mode ${octal(mode)}`,
    { hint: `look at what it holds, then: ${remedies.flat().join("; ")}` },
  );
}

function octal(mode: number): string {
  return (mode & 0o7777).toString(8).padStart(4, "0");
}
