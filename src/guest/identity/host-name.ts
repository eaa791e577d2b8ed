import type { Host } from "../../host/host.ts";
import type { RootedFiles } from "../../host/files/rooted-files.ts";

/** HOST_NAME_MAX of Linux: sethostname(2) refuses more, and systemd then calls the machine localhost. */
const maxHostNameBytes = 64;

/** The part of `name` before its first dot. */
export function shortName(name: string): string {
  return name.split(".", 1)[0] ?? name;
}

/** What /etc/hostname can take: the full name, or the short one where the kernel would refuse it. */
export function hostNameFor(name: string): string {
  return Buffer.byteLength(name) <= maxHostNameBytes ? name : shortName(name);
}

/** Writes the guest's hostname and the name its mail carries: both the full name, as Ganeti knows the instance. */
export async function writeHostName(host: Host, files: RootedFiles, name: string): Promise<void> {
  warnOfLongName(host, name);
  await files.write("/etc/hostname", `${hostNameFor(name)}\n`, { mode: 0o644 });
  await files.write("/etc/mailname", `${name}\n`, { mode: 0o644 });
}

/** Says that a name is too long for the kernel. */
export function warnOfLongName(host: Host, name: string): void {
  if (hostNameFor(name) === name) return;
  host.log.warn(
    `the name ${name} has ${String(Buffer.byteLength(name))} bytes, and Linux takes hostnames of up to ${String(maxHostNameBytes)}: ` +
      `/etc/hostname gets the short name ${shortName(name)}, /etc/hosts and /etc/mailname the full one`,
  );
}
