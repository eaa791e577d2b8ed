import { type DynamicAddress, isStatic, type NetworkPlan, type PlannedInterface, type StaticAddress } from "../plan.ts";
import { primaryOf, type Renderer } from "./rendered.ts";

const head = "# The network interfaces of this system; see interfaces(5).\n\n";
const source = "source /etc/network/interfaces.d/*\n\n";
const loopback = "auto lo\niface lo inet loopback\n";

/** An /etc/network/interfaces with nothing but lo. */
export function loopbackOnly(hasDirectory: boolean): string {
  // ifupdown before 0.7 has neither the directory nor the keyword, which would keep it from bringing up lo.
  return `${head}${hasDirectory ? source : ""}${loopback}`;
}

/** /etc/network/interfaces of ifupdown. Interfaces are matched by MAC (`mac/...=net0`), which it knows since 0.8.20. */
export const ifupdown: Renderer = {
  name: "ifupdown",
  place: { directory: "/etc/network", names: /^interfaces$/ },
  render: (plan) => [
    {
      path: "/etc/network/interfaces",
      text: [loopbackOnly(true), ...plan.interfaces.map((nic) => stanzas(nic, plan))].join("\n"),
      mode: 0o644,
    },
  ],
};

function stanzas(nic: PlannedInterface, plan: NetworkPlan): string {
  const dns = nic === primaryOf(plan) ? dnsOptions(plan) : [];
  const families = [
    ...(nic.ipv4 === undefined ? [] : [iface(nic.id, "inet", nic.ipv4)]),
    ...(nic.ipv6 === undefined ? [] : [iface(nic.id, "inet6", nic.ipv6)]),
  ];
  const [first = [], ...others] = families;
  const lines = [`auto mac/${nic.mac}=${nic.id}`, ...first, ...dns, ...others.flat()];
  return lines.map((line) => `${line}\n`).join("");
}

/** Beside a default route that is wanted, one that comes anyway must be the worse one. */
const worseMetric = 2048;

function iface(id: string, family: "inet" | "inet6", ip: StaticAddress | DynamicAddress): readonly string[] {
  if (isStatic(ip)) {
    const isRoutedHere = ip.gateway !== undefined;
    return [
      `iface ${id} ${family} static`,
      `\taddress ${ip.address}/${String(ip.prefix)}`,
      // A gateway outside of the subnet needs no more: ifupdown adds its routes "onlink".
      ...(isRoutedHere ? [`\tgateway ${ip.gateway}`] : []),
      ...(isRoutedHere && family === "inet6" ? ["\taccept_ra 0"] : []),
    ];
  }
  const isWorse = family === "inet" && !ip.takesRoute;
  return [`iface ${id} ${family} ${ip.by}`, ...(isWorse ? [`\tmetric ${String(worseMetric)}`] : [])];
}

function dnsOptions({ nameservers, search }: NetworkPlan): readonly string[] {
  return [
    ...(nameservers.length === 0 ? [] : [`\tdns-nameservers ${nameservers.join(" ")}`]),
    ...(search.length === 0 ? [] : [`\tdns-search ${search.join(" ")}`]),
  ];
}
