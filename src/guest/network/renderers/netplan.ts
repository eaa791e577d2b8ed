import { stringify } from "yaml";
import { type DynamicAddress, isStatic, type NetworkPlan, type PlannedInterface, type StaticAddress } from "../plan.ts";
import { primaryOf, type Renderer } from "./rendered.ts";

/** One file of netplan for all interfaces (netplan(5)). */
export const netplan: Renderer = {
  name: "netplan",
  place: { directory: "/etc/netplan", names: /^50-ganeti\.yaml$/ },
  render: (plan) => [
    // Since 0.106 netplan warns of a file that others can read.
    { path: "/etc/netplan/50-ganeti.yaml", text: yamlOf(plan), mode: 0o600 },
  ],
};

function yamlOf(plan: NetworkPlan): string {
  const ethernets = Object.fromEntries(plan.interfaces.map((nic) => [nic.id, ethernet(nic, plan)]));
  // Quoted: to a reader of YAML 1.1 a MAC of digits is a number of base 60.
  return stringify(
    { network: { version: 2, ethernets } },
    { defaultStringType: "QUOTE_DOUBLE", defaultKeyType: "PLAIN", lineWidth: 0 },
  );
}

type Planned = StaticAddress | DynamicAddress | undefined;

function ethernet(nic: PlannedInterface, plan: NetworkPlan): Readonly<Record<string, unknown>> {
  const { mac, ipv4, ipv6 } = nic;
  const fixed = [ipv4, ipv6].filter(isStatic);
  const routes = fixed.flatMap(routeOf);
  return {
    match: { macaddress: mac },
    dhcp4: isBy(ipv4, "dhcp"),
    dhcp6: isBy(ipv6, "dhcp"),
    ...acceptRa(ipv6),
    ...(isBy(ipv4, "dhcp") && !takesRoute(ipv4) ? { "dhcp4-overrides": { "use-routes": false } } : {}),
    ...(fixed.length === 0 ? {} : { addresses: fixed.map(({ address, prefix }) => `${address}/${String(prefix)}`) }),
    ...(routes.length === 0 ? {} : { routes }),
    ...(nic === primaryOf(plan) ? nameserversOf(plan) : {}),
  };
}

function isBy(ip: Planned, way: DynamicAddress["by"]): boolean {
  return ip !== undefined && !isStatic(ip) && ip.by === way;
}

function takesRoute(ip: Planned): boolean {
  return ip !== undefined && !isStatic(ip) && ip.takesRoute;
}

function acceptRa(ipv6: Planned): Readonly<Record<string, boolean>> {
  if (ipv6 === undefined) return {};
  if (!isStatic(ipv6)) return { "accept-ra": true };
  return ipv6.gateway === undefined ? {} : { "accept-ra": false };
}

// "default" for a destination came with 0.102 only.
function routeOf({ address, gateway, onLink }: StaticAddress): readonly Readonly<Record<string, unknown>>[] {
  if (gateway === undefined) return [];
  return [{ to: address.includes(":") ? "::/0" : "0.0.0.0/0", via: gateway, ...(onLink ? { "on-link": true } : {}) }];
}

function nameserversOf({ nameservers, search }: NetworkPlan): Readonly<Record<string, unknown>> {
  if (nameservers.length === 0 && search.length === 0) return {};
  return {
    nameservers: {
      ...(nameservers.length === 0 ? {} : { addresses: nameservers }),
      ...(search.length === 0 ? {} : { search }),
    },
  };
}
