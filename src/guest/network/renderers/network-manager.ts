import { type DynamicAddress, isStatic, type NetworkPlan, type PlannedInterface, type StaticAddress } from "../plan.ts";
import { primaryOf, type RenderedFile, type Renderer } from "./rendered.ts";

/** A keyfile of NetworkManager for each interface (nm-settings-keyfile(5)); others than root's or readable ones it ignores. */
export const networkManager: Renderer = {
  name: "NetworkManager",
  place: { directory: "/etc/NetworkManager/system-connections", names: /^net[0-9]+\.nmconnection$/ },
  render: (plan) => plan.interfaces.map((nic) => keyfile(nic, plan)),
};

function keyfile(nic: PlannedInterface, plan: NetworkPlan): RenderedFile {
  const isPrimary = nic === primaryOf(plan);
  // NetworkManager refuses name servers in a family that is disabled.
  const dns4 = isPrimary && nic.ipv4 !== undefined ? dns(plan, 4) : [];
  const text = [
    section("connection", [`id=${nic.id}`, "type=ethernet"]),
    section("ethernet", [`mac-address=${nic.mac.toUpperCase()}`]),
    section("ipv4", [...addressing(nic.ipv4, "disabled"), ...dns4]),
    // Not asked for, IPv6 stays as NetworkManager has it by itself, and as every other program leaves it.
    section("ipv6", [...addressing(nic.ipv6, "auto"), ...(isPrimary ? dns(plan, 6) : [])]),
  ];
  const path = `/etc/NetworkManager/system-connections/${nic.id}.nmconnection`;
  return { path, text: text.join("\n"), mode: 0o600 };
}

function section(name: string, lines: readonly string[]): string {
  return [`[${name}]`, ...lines, ""].join("\n");
}

function addressing(ip: StaticAddress | DynamicAddress | undefined, otherwise: string): readonly string[] {
  if (ip === undefined) return [`method=${otherwise}`];
  if (isStatic(ip)) {
    // It reaches a gateway outside of the subnet directly by itself.
    const gateway = ip.gateway === undefined ? [] : [`gateway=${ip.gateway}`];
    return ["method=manual", `address1=${ip.address}/${String(ip.prefix)}`, ...gateway];
  }
  const isV6 = otherwise === "auto";
  return [`method=${isV6 && ip.by === "dhcp" ? "dhcp" : "auto"}`, ...(ip.takesRoute ? [] : ["never-default=true"])];
}

function dns({ nameservers, search }: NetworkPlan, version: 4 | 6): readonly string[] {
  const servers = nameservers.filter((server) => server.includes(":") === (version === 6));
  return [
    ...(servers.length === 0 ? [] : [`dns=${servers.map((server) => `${server};`).join("")}`]),
    ...(search.length === 0 ? [] : [`dns-search=${search.map((domain) => `${domain};`).join("")}`]),
  ];
}
