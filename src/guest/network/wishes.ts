import type { Config } from "../../config/config.ts";
import { KnownError } from "../../host/errors.ts";
import type { InstanceNic } from "../../os-api/request.ts";
import { type Cidr, type IpVersion, liesInSubnet, parseAddress, parseSubnet } from "../../settings/addresses.ts";
import type { IpConfig } from "../../settings/ip-config.ts";
import type { ResolvedName } from "./name-lookup.ts";

/** The settings that the network depends on. */
export type NetworkSettings = Pick<
  Config,
  "network" | "dnsNameservers" | "dnsSearch" | `ipConfig${0 | 1 | 2 | 3 | 4 | 5 | 6 | 7}`
>;

/** What the instance and its name tell. */
export interface NetworkFacts {
  readonly nics: readonly InstanceNic[];
  /** What the instance's name resolves to. */
  readonly resolved: ResolvedName;
}

/** The `ipconfigN` of the settings, by N. */
export function ipConfigsOf(settings: NetworkSettings): readonly (IpConfig | undefined)[] {
  const { ipConfig0, ipConfig1, ipConfig2, ipConfig3, ipConfig4, ipConfig5, ipConfig6, ipConfig7 } = settings;
  return [ipConfig0, ipConfig1, ipConfig2, ipConfig3, ipConfig4, ipConfig5, ipConfig6, ipConfig7];
}

/** What one interface shall have, before the default routes are decided. */
export interface InterfaceWish {
  readonly index: number;
  readonly config: IpConfig;
  /** The gateways were asked for by an `ipconfigN`: they come before those of Ganeti's networks. */
  readonly isExplicit: boolean;
}

/** What each interface shall have, and what the administrator should hear of it. */
export interface Wishes {
  readonly wishes: readonly InterfaceWish[];
  readonly notes: readonly string[];
}

/**
 * What each interface shall have: by its `ipconfigN`, else by Ganeti's address for it or, for the first, what the
 * instance's name resolves to, with the prefix and gateway of its Ganeti network; else by DHCP. Throws KnownError where
 * network=static and nothing is known of the first interface.
 */
export function wishesOf(settings: NetworkSettings, facts: NetworkFacts): Wishes {
  const notes: string[] = [];
  const wishes = facts.nics.flatMap((nic): readonly InterfaceWish[] => {
    const explicit = ipConfigsOf(settings)[nic.index];
    if (explicit !== undefined) return [{ index: nic.index, config: explicit, isExplicit: true }];
    const config = settings.network === "dhcp" ? byDhcp(nic) : known(settings.network, nic, facts, notes);
    return config === undefined ? [] : [{ index: nic.index, config, isExplicit: false }];
  });
  return { wishes, notes };
}

/** Whether the addresses of the instance's name decide something: asking name servers may take seconds. */
export function needsLookup(settings: NetworkSettings, nics: readonly InstanceNic[]): boolean {
  const first = nics.find(({ index }) => index === 0);
  if (first === undefined || first.ip !== undefined || ipConfigsOf(settings)[0] !== undefined) return false;
  if (settings.network !== "auto" && settings.network !== "static") return false;
  return ([4, 6] as const).some((version) => isRouted(first) || subnetOf(first, version) !== undefined);
}

const empty: IpConfig = { ip: undefined, gw: undefined, ip6: undefined, gw6: undefined };

// Router advertisements are listened to on one interface only: each brings a default route.
function byDhcp({ index }: InstanceNic): IpConfig {
  return { ...empty, ip: "dhcp", ip6: index === 0 ? "auto" : undefined };
}

function known(
  network: "auto" | "static" | "none",
  nic: InstanceNic,
  facts: NetworkFacts,
  notes: string[],
): IpConfig | undefined {
  const ip = fixed(nic, facts, 4);
  const ip6 = fixed(nic, facts, 6);
  const number = String(nic.index);
  if (ip !== undefined || ip6 !== undefined) {
    const gw = ip && gatewayOf(nic, ip, 4);
    const gw6 = ip6 && gatewayOf(nic, ip6, 6);
    if (isRouted(nic) && gw === undefined && gw6 === undefined) {
      notes.push(`interface ${number} is routed, and its Ganeti network names no gateway: it gets no default route`);
    }
    return { ip, gw, ip6: ip6 ?? (subnetOf(nic, 6) === undefined ? undefined : "auto"), gw6 };
  }
  if (network === "static") {
    if (nic.index === 0) throw withoutAddress(nic);
    notes.push(`interface ${number} is not configured: no address of it is known with its subnet`);
    return undefined;
  }
  if (nic.ip !== undefined) {
    notes.push(`interface ${number} asks DHCP: Ganeti has ${shown(nic.ip)} for it, but no network with its subnet`);
  }
  return byDhcp(nic);
}

function fixed(nic: InstanceNic, { resolved }: NetworkFacts, version: IpVersion): Cidr | undefined {
  const own = nic.ip === undefined ? undefined : parseAddress(nic.ip);
  const ofName = nic.index === 0 && nic.ip === undefined ? (version === 4 ? resolved.ipv4 : resolved.ipv6) : [];
  const candidates = [...(own === undefined ? [] : [own]), ...ofName].flatMap(
    (address) => parseAddress(address, version) ?? [],
  );
  const fitting = candidates.flatMap((address) => withPrefix(nic, address, version) ?? []);
  // A name of several addresses, that of a service for example, does not say which is this machine's.
  return fitting.length === 1 ? fitting[0] : undefined;
}

function withPrefix(nic: InstanceNic, address: string, version: IpVersion): Cidr | undefined {
  if (isRouted(nic)) return { address, prefix: version === 4 ? 32 : 128 };
  const subnet = subnetOf(nic, version);
  return subnet !== undefined && liesInSubnet(address, subnet) ? { address, prefix: subnet.prefix } : undefined;
}

function gatewayOf(nic: InstanceNic, { address }: Cidr, version: IpVersion): string | undefined {
  const gateway = parseAddress((version === 4 ? nic.networkGateway : nic.networkGateway6) ?? "", version);
  return gateway === address ? undefined : gateway;
}

function subnetOf(nic: InstanceNic, version: IpVersion): Cidr | undefined {
  return parseSubnet(version === 4 ? nic.networkSubnet : nic.networkSubnet6, version);
}

function isRouted({ mode }: InstanceNic): boolean {
  return mode === "routed";
}

function withoutAddress({ ip }: InstanceNic): KnownError {
  const why =
    ip === undefined ? "no address of it is known with its subnet" : `the subnet of ${shown(ip)} is not known`;
  return new KnownError(`network=static, but for interface 0 ${why}`, {
    hint: "set ipconfig0=ip=ADDRESS/PREFIX;gw=GATEWAY, or give the interface an address of a Ganeti network, or set network=dhcp",
  });
}

function shown(text: string): string {
  return parseAddress(text) ?? JSON.stringify(text);
}
