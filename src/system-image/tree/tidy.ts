import { posix } from "node:path";
import type { RootedFiles } from "../../host/files/rooted-files.ts";
import { componentsOf, type SystemSpec } from "../spec/system-spec.ts";

/**
 * What a bootstrap leaves that belongs to the node, to the moment or to nobody: downloaded packages, logs,
 * backups of dpkg's and debconf's databases, the node's own name.
 */
const leftovers: readonly { readonly directory: string; readonly pattern: RegExp }[] = [
  { directory: "/", pattern: /^debootstrap(?:\.log)?$/ },
  { directory: "/etc", pattern: /^hostname$/ },
  { directory: "/etc/apt/sources.list.d", pattern: /^0000mmdebstrap|^0000main/ },
  { directory: "/etc/dpkg/dpkg.cfg.d", pattern: /^(?:ganeti-instance-debootstrap|99mmdebstrap)$/ },
  { directory: "/run", pattern: /^(?!lock$)/ },
  { directory: "/var/cache/apt", pattern: /^(?:src)?pkgcache\.bin$/ },
  { directory: "/var/cache/apt/archives", pattern: /\.deb$|^lock$/ },
  { directory: "/var/cache/debconf", pattern: /-old$/ },
  { directory: "/var/cache/ldconfig", pattern: /^aux-cache$/ },
  { directory: "/var/lib/apt", pattern: /^extended_states$/ },
  { directory: "/var/lib/apt/lists", pattern: /^lock$/ },
  { directory: "/var/lib/dpkg", pattern: /-old$|^lock$|^lock-frontend$|^available$|^cmethopt$/ },
  { directory: "/var/log", pattern: /^(?:bootstrap|dpkg|alternatives|fontconfig)\.log$/ },
  { directory: "/var/log/apt", pattern: /./ },
];

/** Directories of apt that the engines make with different modes; apt gives them to its own user when it runs. */
const aptDirectories = ["/var/cache/apt/archives/partial", "/var/lib/apt/lists/partial"] as const;

/** Brings the tree of either engine to the same state: no leftovers, one apt source with the mirror of the guest. */
export async function tidyTree(files: RootedFiles, spec: SystemSpec, mirror: string): Promise<void> {
  for (const { directory, pattern } of leftovers) {
    for (const name of await files.list(directory)) {
      if (pattern.test(name)) await files.remove(posix.join(directory, name), { recursive: true });
    }
  }
  for (const directory of aptDirectories) {
    await files.remove(directory, { recursive: true });
    await files.mkdir(directory, 0o755);
  }
  await removeNodeResolver(files);
  await removeNativeArchitecture(files, spec);
  await removePolicy(files);
  await writeSources(files, spec, mirror);
}

// A link is a package's own (systemd-resolved, resolvconf); a file is the node's, copied by the engine.
async function removeNodeResolver(files: RootedFiles): Promise<void> {
  if ((await files.lstat("/etc/resolv.conf"))?.kind === "file") await files.remove("/etc/resolv.conf");
}

// mmdebstrap writes down the native architecture; dpkg knows it without, and the file then means foreign ones.
async function removeNativeArchitecture(files: RootedFiles, { arch }: SystemSpec): Promise<void> {
  const file = "/var/lib/dpkg/arch";
  if ((await files.read(file))?.trim() === arch) await files.remove(file);
}

// Both engines keep daemons from starting by it and remove it; one that was interrupted does not.
async function removePolicy(files: RootedFiles): Promise<void> {
  const file = "/usr/sbin/policy-rc.d";
  if (/^#!\/bin\/sh\s+exit 101\s*$/.test((await files.read(file)) ?? "")) await files.remove(file);
}

async function writeSources(files: RootedFiles, spec: SystemSpec, mirror: string): Promise<void> {
  const line = `deb ${mirror} ${spec.suite} ${componentsOf(spec).join(" ")}\n`;
  await files.write("/etc/apt/sources.list", line, { mode: 0o644 });
}
