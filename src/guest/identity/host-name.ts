import type { RootedFiles } from "../../host/rooted-files.ts";

/** The part of `name` before its first dot. */
export function shortName(name: string): string {
  return name.split(".", 1)[0] ?? name;
}

/** Writes the guest's hostname and the name its mail carries: both the full name, as Ganeti knows the instance. */
export async function writeHostName(files: RootedFiles, name: string): Promise<void> {
  for (const file of ["/etc/hostname", "/etc/mailname"]) await files.write(file, `${name}\n`, { mode: 0o644 });
}
