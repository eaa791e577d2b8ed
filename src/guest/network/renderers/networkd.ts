import { type DynamicAddress, isStatic, type NetworkPlan, type PlannedInterface, type StaticAddress } from "../plan.ts";
import { primaryOf, type RenderedFile, type Renderer } from "./rendered.ts";

/** A .network file of systemd-networkd for each interface (systemd.network(5)). */
export const networkd: Renderer = {
  name: "networkd",
  place: { directory: "/etc/systemd/network", names: /^10-net[0-9]+\.network$/ },
  render: (plan) => plan.interfaces.map((nic) => networkFile(nic, plan)),
};

function networkFile(nic: PlannedInterface, plan: NetworkPlan): RenderedFile {
  // VLANs and bridges have the MAC of what they stand on: only the card itself is meant.
  const match = section("Match", [`MACAddress=${nic.mac}`, "Type=ether"]);
  const network = section("Network", [
    `DHCP=${dhcp(nic)}`,
    ...routerAdvertisements(nic.ipv6),
    ...[nic.ipv4, nic.ipv6].flatMap((ip) => (isStatic(ip) ? [`Address=${ip.address}/${String(ip.prefix)}`] : [])),
    ...(nic === primaryOf(plan) ? dns(plan) : []),
  ]);
  const routes = [nic.ipv4, nic.ipv6].flatMap((ip) => (isStatic(ip) ? route(ip) : []));
  const text = [
    match,
    network,
    ...routes,
    ...withoutRoute("DHCPv4", nic.ipv4),
    ...withoutRoute("IPv6AcceptRA", nic.ipv6),
  ];
  return { path: `/etc/systemd/network/10-${nic.id}.network`, text: text.join("\n"), mode: 0o644 };
}

function section(name: string, lines: readonly string[]): string {
  return [`[${name}]`, ...lines, ""].join("\n");
}

function dhcp({ ipv4, ipv6 }: PlannedInterface): string {
  const [four, six] = [ipv4, ipv6].map((ip) => !isStatic(ip) && ip?.by === "dhcp");
  return four === true ? (six === true ? "yes" : "ipv4") : six === true ? "ipv6" : "no";
}

function routerAdvertisements(ipv6: PlannedInterface["ipv6"]): readonly string[] {
  if (ipv6 === undefined) return [];
  if (!isStatic(ipv6)) return ["IPv6AcceptRA=yes"];
  return ipv6.gateway === undefined ? [] : ["IPv6AcceptRA=no"];
}

function route({ gateway, onLink }: StaticAddress): readonly string[] {
  if (gateway === undefined) return [];
  return [section("Route", [`Gateway=${gateway}`, ...(onLink ? ["GatewayOnLink=yes"] : [])])];
}

function withoutRoute(name: string, ip: StaticAddress | DynamicAddress | undefined): readonly string[] {
  return ip === undefined || isStatic(ip) || ip.takesRoute ? [] : [section(name, ["UseGateway=no"])];
}

function dns({ nameservers, search }: NetworkPlan): readonly string[] {
  return [
    ...nameservers.map((server) => `DNS=${server}`),
    ...(search.length === 0 ? [] : [`Domains=${search.join(" ")}`]),
  ];
}
