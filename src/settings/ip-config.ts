import * as z from "zod/mini";
import { type Cidr, parseAddress, parseCidr } from "./addresses.ts";

/** How one interface gets its addresses, in the words of Proxmox's `ipconfigN`. */
export interface IpConfig {
  readonly ip: Cidr | "dhcp" | undefined;
  readonly gw: string | undefined;
  readonly ip6: Cidr | "auto" | "dhcp" | undefined;
  readonly gw6: string | undefined;
}

/** The form of an `ipconfigN` in one short line, for usage texts and error messages. */
export const ipConfigShort = "ip=CIDR|dhcp;gw=ADDRESS;ip6=CIDR|auto|dhcp;gw6=ADDRESS";

/** The same in words, for explanations. */
export const ipConfigForm =
  "ip=ADDRESS/PREFIX or ip=dhcp, gw=, ip6=ADDRESS/PREFIX, ip6=auto or ip6=dhcp, gw6=, separated by ;";

/** An `ipconfigN`, or nothing: undefined. */
export const ipConfig = z.pipe(
  z.string().check(z.refine((value) => value === "" || parseIpConfig(value) !== undefined)),
  z.transform((value: string) => parseIpConfig(value)),
);

/** Reads `ip=192.0.2.4/24;gw=192.0.2.1;ip6=auto`; undefined where a part of it is not as it has to be. */
export function parseIpConfig(text: string): IpConfig | undefined {
  const fields = fieldsOf(text);
  if (fields === undefined) return undefined;
  const config = {
    ip: read<Cidr | "dhcp">(fields.get("ip"), (value) => (value === "dhcp" ? value : parseCidr(value, 4))),
    gw: read(fields.get("gw"), (value) => parseAddress(value, 4)),
    ip6: read<Cidr | "auto" | "dhcp">(fields.get("ip6"), (value) =>
      value === "auto" || value === "dhcp" ? value : parseCidr(value, 6),
    ),
    gw6: read(fields.get("gw6"), (value) => parseAddress(value, 6)),
  };
  return isSound(config) ? config : undefined;
}

const keys = ["ip", "gw", "ip6", "gw6"];

// Undefined for a key that is unknown or there twice.
function fieldsOf(text: string): ReadonlyMap<string, string> | undefined {
  const parts = text.split(/[\s,;]+/).filter((part) => part !== "");
  const pairs = parts.map((part) => {
    const at = part.indexOf("=");
    return [at < 0 ? part : part.slice(0, at), at < 0 ? "" : part.slice(at + 1)] as const;
  });
  const fields = new Map(pairs);
  return fields.size === parts.length && [...fields.keys()].every((key) => keys.includes(key)) ? fields : undefined;
}

type Unsound<Value> = Value | undefined | "wrong";

function read<Value>(text: string | undefined, parse: (value: string) => Value | undefined): Unsound<Value> {
  return text === undefined ? undefined : (parse(text) ?? "wrong");
}

function isSound(config: { readonly [Key in keyof IpConfig]: Unsound<IpConfig[Key]> }): config is IpConfig {
  const { ip, gw, ip6, gw6 } = config;
  if ([ip, gw, ip6, gw6].includes("wrong") || (ip === undefined && ip6 === undefined)) return false;
  return isGatewayOf(gw, ip) && isGatewayOf(gw6, ip6);
}

// A gateway is a static address' own: DHCP and router advertisements bring theirs.
function isGatewayOf(gateway: string | undefined, ip: Cidr | string | undefined): boolean {
  return gateway === undefined || (typeof ip === "object" && ip.address !== gateway);
}
