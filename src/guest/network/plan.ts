import { KnownError } from "../../host/errors.ts";
import type { InstanceNic } from "../../os-api/request.ts";
import { type Cidr, isLinkLocal6, liesInSubnet } from "../../settings/addresses.ts";
import { ipConfigForm } from "../../settings/ip-config.ts";
import { type InterfaceWish, ipConfigsOf, type NetworkFacts, type NetworkSettings, wishesOf } from "./wishes.ts";

/** An address that the guest has for good. */
export interface StaticAddress extends Cidr {
  /** Where the default route of this family leads; on one interface at most. */
  readonly gateway: string | undefined;
  /** The gateway lies outside of the subnet, and is reached directly all the same. */
  readonly onLink: boolean;
}

/** How an interface gets its address in one family, where it is not static. */
export interface DynamicAddress {
  readonly by: "dhcp" | "auto";
  /** Whether the default route of this family may come this way. */
  readonly takesRoute: boolean;
}

/** One interface, known by nothing but its MAC address. */
export interface PlannedInterface {
  /** Its name within the files. */
  readonly id: string;
  readonly mac: string;
  readonly ipv4: StaticAddress | DynamicAddress | undefined;
  readonly ipv6: StaticAddress | DynamicAddress | undefined;
}

/** How the guest reaches the network: plain data, from which each renderer writes its files. */
export interface NetworkPlan {
  readonly interfaces: readonly PlannedInterface[];
  readonly nameservers: readonly string[];
  readonly search: readonly string[];
  /** What the administrator might not expect, as sentences. */
  readonly notes: readonly string[];
}

/** Whether an address that was planned is a static one. */
export function isStatic(planned: StaticAddress | DynamicAddress | undefined): planned is StaticAddress {
  return planned !== undefined && "address" in planned;
}

/** The static addresses of a plan, those of the first interface first. */
export function staticAddresses({ interfaces }: Pick<NetworkPlan, "interfaces">): readonly string[] {
  return interfaces.flatMap(({ ipv4, ipv6 }) => [ipv4, ipv6].flatMap((ip) => (isStatic(ip) ? [ip.address] : [])));
}

/** The addresses that the guest's name stands for: those of the first interface that has any. */
export function ownAddresses({ interfaces }: Pick<NetworkPlan, "interfaces">): readonly string[] {
  return interfaces.map((nic) => staticAddresses({ interfaces: [nic] })).find(({ length }) => length > 0) ?? [];
}

/**
 * Decides how each of the instance's interfaces is configured; undefined with network=none. Pure. Throws KnownError for
 * what cannot be done: an address for an interface that is not there, two interfaces of one address, network=static
 * without an address.
 */
export function planNetwork(settings: NetworkSettings, facts: NetworkFacts): NetworkPlan | undefined {
  if (settings.network === "none") return undefined;
  refuseAbsent(settings, facts.nics);
  const { wishes, notes } = wishesOf(settings, facts);
  const macs = wishes.map(({ index }) => macOf(facts.nics, index));
  const known = wishes.filter((_, at) => macs[at] !== undefined);
  refuseTwice(known, macs);
  const routes = { ip: defaultOf(known, "ip"), ip6: defaultOf(known, "ip6") };
  return {
    interfaces: known.map(({ index, config }) => ({
      id: `net${String(index)}`,
      mac: macOf(facts.nics, index) ?? "",
      ipv4: planned(config.ip, config.gw, routes.ip === index),
      ipv6: planned(config.ip6, config.gw6, routes.ip6 === index),
    })),
    nameservers: settings.dnsNameservers,
    search: settings.dnsSearch,
    notes: [...notes, ...unknownMacs(wishes, macs)],
  };
}

function planned(
  ip: Cidr | "dhcp" | "auto" | undefined,
  gateway: string | undefined,
  isDefault: boolean,
): StaticAddress | DynamicAddress | undefined {
  if (ip === undefined) return undefined;
  if (typeof ip === "string") return { by: ip, takesRoute: isDefault };
  if (!isDefault || gateway === undefined) return { ...ip, gateway: undefined, onLink: false };
  return { ...ip, gateway, onLink: !isLinkLocal6(gateway) && !liesInSubnet(gateway, ip) };
}

// The interface that has the default route: the one whose ipconfigN names a gateway, else the first that could have it.
function defaultOf(wishes: readonly InterfaceWish[], family: "ip" | "ip6"): number | undefined {
  const gateway = family === "ip" ? "gw" : "gw6";
  const asked = wishes.find(({ isExplicit, config }) => isExplicit && config[gateway] !== undefined);
  const first = wishes.find(({ config }) => typeof config[family] === "string" || config[gateway] !== undefined);
  return (asked ?? first)?.index;
}

function macOf(nics: readonly InstanceNic[], index: number): string | undefined {
  const mac = nics.find((nic) => nic.index === index)?.mac?.toLowerCase();
  return mac !== undefined && /^[0-9a-f]{2}(?::[0-9a-f]{2}){5}$/.test(mac) ? mac : undefined;
}

function unknownMacs(wishes: readonly InterfaceWish[], macs: readonly (string | undefined)[]): readonly string[] {
  return wishes
    .filter((_, at) => macs[at] === undefined)
    .map(({ index }) => `interface ${String(index)} is not configured: Ganeti names no MAC address to know it by`);
}

function refuseAbsent(settings: NetworkSettings, nics: readonly InstanceNic[]): void {
  for (const [index, config] of ipConfigsOf(settings).entries()) {
    const isFixed = typeof config?.ip === "object" || typeof config?.ip6 === "object";
    if (!isFixed || nics.some((nic) => nic.index === index)) continue;
    throw new KnownError(
      `ipconfig${String(index)} is for interface ${String(index)}, and the instance has ${String(nics.length)}`,
      {
        hint: `leave ipconfig${String(index)} out, or give the instance that interface (gnt-instance modify --net add)`,
      },
    );
  }
  if (settings.network === "static" && nics.length === 0) {
    throw new KnownError("network=static, and Ganeti names no interface of the instance", {
      hint: "set network=none, or give the instance an interface",
    });
  }
}

function refuseTwice(wishes: readonly InterfaceWish[], macs: readonly (string | undefined)[]): void {
  const addresses = wishes.flatMap(({ config: { ip, ip6 } }) =>
    [ip, ip6].flatMap((cidr) => (typeof cidr === "object" ? cidr.address : [])),
  );
  const known = macs.filter((mac) => mac !== undefined);
  const twice = [...addresses, ...known].find((one, at, all) => all.indexOf(one) !== at);
  if (twice === undefined) return;
  throw new KnownError(`two interfaces of the instance have the address ${twice}`, {
    hint: `give each interface its own (ipconfigN: ${ipConfigForm})`,
  });
}
