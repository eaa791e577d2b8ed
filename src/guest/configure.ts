import type { Host } from "../host/host.ts";
import type { RootedFiles } from "../host/rooted-files.ts";
import type { InstanceNic } from "../os-api/request.ts";
import { scrubIdentity } from "./identity/scrub-identity.ts";
import { removeRootPassword } from "./identity/accounts.ts";
import { configureConsole, serialConsole } from "./boot/console.ts";
import { type Filesystems, writeFstab } from "./storage/fstab.ts";
import { writeHostName } from "./identity/host-name.ts";
import { writeHosts } from "./identity/hosts-file.ts";
import { writeInterfaces } from "./network/interfaces.ts";
import { writeResolver } from "./network/resolver.ts";
import { writeSshHostKeys } from "./identity/ssh-host-keys.ts";

/** What a new guest is to be. */
export interface GuestFacts extends Filesystems {
  readonly instanceName: string;
  readonly nics: readonly InstanceNic[];
  readonly hypervisor: string | undefined;
  /** INSTANCE_HV_* by lower-case name. */
  readonly hypervisorParameters: Readonly<Record<string, string>>;
}

export interface ConfigureOptions {
  /** Root of the node's own files (its resolv.conf); default `/`. */
  readonly nodeRoot?: string;
}

/** Makes the guest out of a copied system: its name, filesystems, network, console, and an identity of its own. */
export async function configureGuest(
  host: Host,
  files: RootedFiles,
  facts: GuestFacts,
  options: ConfigureOptions = {},
): Promise<void> {
  await scrubIdentity(files);
  await removeRootPassword(files);
  await writeHostName(files, facts.instanceName);
  await writeHosts(files, facts.instanceName, facts.nics.find(({ index }) => index === 0)?.ip);
  await writeResolver(host, files, options.nodeRoot);
  await writeFstab(files, facts);
  await writeInterfaces(files);
  const console = serialConsole(facts.hypervisor, facts.hypervisorParameters);
  if (console !== undefined) await configureConsole(files, console);
  await writeSshHostKeys(host, files, facts.instanceName);
}
