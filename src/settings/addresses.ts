import ipaddr from "ipaddr.js";

/** An address with the length of its subnet's prefix, as `192.0.2.4/24`. */
export interface Cidr {
  /** Canonical: dotted, or as RFC 5952 has it. */
  readonly address: string;
  readonly prefix: number;
}

/** 4 or 6. */
export type IpVersion = 4 | 6;

/** What no interface can have for an address, and no gateway or server either. */
const unusable = ["unspecified", "broadcast", "multicast", "loopback", "ipv4Mapped"];

/** An address that another machine can be reached at, in canonical form; undefined for anything else. */
export function parseAddress(text: string, version?: IpVersion): string | undefined {
  const address = addressOf(text);
  if (address === undefined || unusable.includes(address.range())) return undefined;
  if (version !== undefined && versionOf(address) !== version) return undefined;
  return canonical(address);
}

/**
 * An interface's address with its prefix length; undefined for anything else, for the address of a network or its
 * broadcasts, and for a link-local one of IPv6, which every interface has by itself.
 */
export function parseCidr(text: string, version: IpVersion): Cidr | undefined {
  const [, plain = "", length = ""] = /^([^/]+)\/([0-9]{1,3})$/.exec(text) ?? [];
  const address = parseAddress(plain, version);
  const prefix = Number(length);
  if (address === undefined || prefix < 1 || prefix > (version === 4 ? 32 : 128)) return undefined;
  if (version === 6) return ipaddr.parse(address).range() === "linkLocal" ? undefined : { address, prefix };
  return isEdge(address, prefix) ? undefined : { address, prefix };
}

/** Whether `address` lies in the subnet of `cidr`; both of one version, else false. */
export function liesInSubnet(address: string, { address: base, prefix }: Cidr): boolean {
  const [one, other] = [addressOf(address), addressOf(base)];
  if (one instanceof ipaddr.IPv4 && other instanceof ipaddr.IPv4) return one.match(other, prefix);
  return one instanceof ipaddr.IPv6 && other instanceof ipaddr.IPv6 && one.match(other, prefix);
}

/** A subnet as Ganeti gives it, `192.0.2.0/24`; undefined for anything else. */
export function parseSubnet(text: string | undefined, version: IpVersion): Cidr | undefined {
  const [, plain = "", length = ""] = /^([^/]+)\/([0-9]{1,3})$/.exec(text ?? "") ?? [];
  const address = addressOf(plain);
  const prefix = Number(length);
  if (address === undefined || versionOf(address) !== version || prefix > (version === 4 ? 32 : 128)) return undefined;
  return { address: canonical(address), prefix };
}

/** Whether `address` is an IPv6 address of one link only, as routers announce theirs. */
export function isLinkLocal6(address: string): boolean {
  const parsed = addressOf(address);
  return parsed instanceof ipaddr.IPv6 && parsed.range() === "linkLocal";
}

function addressOf(text: string): ipaddr.IPv4 | ipaddr.IPv6 | undefined {
  // `010.1.1.1` and `1.1` mean one thing to one program and another to the next.
  if (ipaddr.IPv4.isValidFourPartDecimal(text)) return ipaddr.IPv4.parse(text);
  return text.includes(":") && !text.includes("%") && ipaddr.IPv6.isValid(text) ? ipaddr.IPv6.parse(text) : undefined;
}

function versionOf(address: ipaddr.IPv4 | ipaddr.IPv6): IpVersion {
  return address instanceof ipaddr.IPv4 ? 4 : 6;
}

function canonical(address: ipaddr.IPv4 | ipaddr.IPv6): string {
  return address instanceof ipaddr.IPv4 ? address.toString() : address.toRFC5952String();
}

function isEdge(address: string, prefix: number): boolean {
  if (prefix > 30) return false;
  const cidr = `${address}/${String(prefix)}`;
  const edges = [ipaddr.IPv4.networkAddressFromCIDR(cidr), ipaddr.IPv4.broadcastAddressFromCIDR(cidr)];
  return edges.some((edge) => edge.toString() === address);
}
