import { KnownError } from "../host/errors.ts";

/** Throws unless we are root: disks, mounts and namespaces need it. */
export function requireRoot(): void {
  if (process.geteuid?.() === 0) return;
  throw new KnownError("must run as root, because it writes disks and mounts filesystems", {
    hint: "let Ganeti run it, or use sudo",
  });
}
