import { posix } from "node:path";
import type { RootedFiles } from "../../host/files/rooted-files.ts";

/** Files by which two guests from one image would be taken for one: keys, seeds, names of the node's network cards. */
const identityFiles: readonly { readonly directory: string; readonly pattern: RegExp }[] = [
  { directory: "/etc/ssh", pattern: /^ssh_host_.*_key(?:\.pub)?$/ },
  { directory: "/etc/dropbear", pattern: /^dropbear_.*_host_key(?:\.pub)?$/ },
  { directory: "/etc/udev/rules.d", pattern: /^(?:\d+-|z\d+_)persistent-(?:net|cd)\.rules$/ },
  { directory: "/var/lib/dbus", pattern: /^machine-id$/ },
  { directory: "/var/lib/systemd", pattern: /^(?:random-seed|credential\.secret)$/ },
  { directory: "/var/lib/urandom", pattern: /^random-seed$/ },
];

/** Emptied, not removed: systemd takes a missing one for the first start and then enables every preset unit. */
const machineId = "/etc/machine-id";
const machineIdMode = 0o444;

/**
 * Removes from a guest's tree all that must not be the same in two guests. Links are left alone (dbus's machine-id is
 * one to systemd's). Done before a cache is written and again when a guest is made, because caches may be edited.
 */
export async function scrubIdentity(files: RootedFiles): Promise<void> {
  for (const { directory, pattern } of identityFiles) {
    for (const name of await files.list(directory)) {
      const path = posix.join(directory, name);
      if (pattern.test(name) && (await files.lstat(path))?.kind === "file") await files.remove(path);
    }
  }
  const id = await files.lstat(machineId);
  if (id?.kind === "file" && (id.size > 0 || id.mode !== machineIdMode))
    await files.write(machineId, "", { mode: machineIdMode });
}
