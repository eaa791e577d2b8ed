import type { Host } from "../host/host.ts";
import type { Instance } from "../os-api/request.ts";
import { configureConsole } from "./console/login.ts";
import type { InstanceConsole } from "./console/serial-console.ts";
import { removeRootPassword } from "./identity/accounts.ts";
import { writeHostName } from "./identity/host-name.ts";
import { writeHosts } from "./identity/hosts-file.ts";
import { scrubIdentity } from "./identity/scrub-identity.ts";
import { writeSshHostKeys } from "./identity/ssh-host-keys.ts";
import type { InstalledGuest } from "./tree/installed-guest.ts";
import type { GuestNetwork } from "./network/decide.ts";
import { ownAddresses } from "./network/plan.ts";
import { writeResolver } from "./network/resolver.ts";
import { writeNetwork, writeTimeServers } from "./network/write.ts";
import { writeFstab } from "./storage/fstab.ts";

export interface ConfigureOptions {
  /** Root of the node's own files (its resolv.conf); default `/`. */
  readonly nodeRoot?: string;
  /** Default: only lo, with the node's name servers. */
  readonly network?: GuestNetwork;
}

const onlyLoopback: GuestNetwork = { plan: undefined, dns: { nameservers: [], search: [] }, timeServers: [] };

/** Makes the guest out of a copied system: its name, filesystems, network, console, and an identity of its own. */
export async function configureGuest(
  host: Host,
  guest: Pick<InstalledGuest, "files" | "filesystem" | "swap" | "dataDisks">,
  { name, nics }: Pick<Instance, "name" | "nics">,
  { serial }: Pick<InstanceConsole, "serial">,
  { nodeRoot, network = onlyLoopback }: ConfigureOptions = {},
): Promise<void> {
  const { files } = guest;
  await scrubIdentity(files);
  await removeRootPassword(files);
  await writeHostName(host, files, name);
  await writeHosts(files, name, network.plan === undefined ? firstAddress(nics) : ownAddresses(network.plan));
  await writeResolver(host, files, nodeRoot, network.dns);
  await writeFstab(files, guest);
  await writeNetwork(host, files, network.plan);
  await writeTimeServers(files, network.timeServers);
  if (serial !== undefined) await configureConsole(files, serial);
  await writeSshHostKeys(host, files, name);
}

function firstAddress(nics: Instance["nics"]): readonly string[] {
  return nics.flatMap(({ index, ip }) => (index === 0 && ip !== undefined ? [ip] : []));
}
