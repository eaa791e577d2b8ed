import type { Config } from "../../config/config.ts";
import type { Host } from "../../host/host.ts";
import type { Instance } from "../../os-api/request.ts";
import { lookUp } from "./name-lookup.ts";
import { isStatic, type NetworkPlan, planNetwork } from "./plan.ts";
import { nodeDns, type WantedDns } from "./resolver.ts";
import { needsLookup, type NetworkSettings } from "./wishes.ts";

/** How a new guest is connected. */
export interface GuestNetwork {
  /** Undefined: only lo. */
  readonly plan: NetworkPlan | undefined;
  readonly dns: WantedDns;
  readonly timeServers: readonly string[];
}

/** Decides how a new guest is connected; throws as {@link decideNetwork}, and no disk is touched. */
export async function decideGuestNetwork(
  host: Host,
  config: NetworkSettings & Pick<Config, "ntpServers">,
  instance: Pick<Instance, "name" | "nics">,
): Promise<GuestNetwork> {
  return {
    plan: await decideNetwork(host, config, instance),
    dns: { nameservers: config.dnsNameservers, search: config.dnsSearch },
    timeServers: config.ntpServers,
  };
}

/**
 * Plans the network of an instance, as {@link planNetwork}; its name is looked up on the node only where its addresses
 * decide something.
 */
export async function decideNetwork(
  host: Host,
  settings: NetworkSettings,
  { name, nics }: Pick<Instance, "name" | "nics">,
): Promise<NetworkPlan | undefined> {
  const resolved = needsLookup(settings, nics) ? await lookUp(host, name) : { ipv4: [], ipv6: [] };
  const plan = planNetwork(settings, { nics, resolved });
  return plan === undefined ? undefined : await withNodeDns(plan);
}

// A static network brings no name servers of its own: where none are set, the node's serve, as in the guest's resolv.conf.
async function withNodeDns(plan: NetworkPlan): Promise<NetworkPlan> {
  if (!plan.interfaces.some(({ ipv4, ipv6 }) => isStatic(ipv4) || isStatic(ipv6))) return plan;
  const node = await nodeDns();
  return {
    ...plan,
    nameservers: plan.nameservers.length > 0 ? plan.nameservers : node.nameservers,
    search: plan.search.length > 0 ? plan.search : node.search,
  };
}
