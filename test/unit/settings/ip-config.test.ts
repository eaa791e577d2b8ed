import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseAddress, parseCidr } from "../../../src/settings/addresses.ts";
import { parseIpConfig } from "../../../src/settings/ip-config.ts";
import { settings } from "../../../src/settings/settings.ts";

const fixed = (address: string, prefix: number) => ({ address, prefix });

describe("ipconfigN", () => {
  it.each([
    ["ip=dhcp", { ip: "dhcp" }],
    ["ip=dhcp;ip6=auto", { ip: "dhcp", ip6: "auto" }],
    ["ip6=dhcp", { ip6: "dhcp" }],
    ["ip=192.0.2.4/24;gw=192.0.2.1", { ip: fixed("192.0.2.4", 24), gw: "192.0.2.1" }],
    ["ip=192.0.2.4/24,gw=192.0.2.1", { ip: fixed("192.0.2.4", 24), gw: "192.0.2.1" }],
    ["ip=192.0.2.4/32; gw=169.254.1.1;", { ip: fixed("192.0.2.4", 32), gw: "169.254.1.1" }],
    ["ip=192.0.2.0/31", { ip: fixed("192.0.2.0", 31) }],
    ["ip6=2001:DB8:0::4/64\ngw6=fe80::1", { ip6: fixed("2001:db8::4", 64), gw6: "fe80::1" }],
  ])("takes %j", (text, expected) => {
    expect(parseIpConfig(text)).toEqual({ ip: undefined, gw: undefined, ip6: undefined, gw6: undefined, ...expected });
  });

  it.each([
    ["", "says nothing"],
    ["dhcp", "has no key"],
    ["ip=", "has an empty value"],
    ["ip=192.0.2.4", "has no prefix"],
    ["ip=192.0.2.4/33", "has too long a prefix"],
    ["ip=192.0.2.4/0", "has no prefix at all"],
    ["ip=192.0.2.0/24", "names a network"],
    ["ip=192.0.2.255/24", "names a broadcast address"],
    ["ip=127.0.0.1/8", "names the machine itself"],
    ["ip=010.0.0.1/8", "could be octal"],
    ["ip=10.1/8", "is an abbreviation"],
    ["ip=auto", "is a word of IPv6"],
    ["ip=2001:db8::4/64", "has the other family"],
    ["ip6=192.0.2.4/24", "has the other family"],
    ["ip6=fe80::1/64", "is link-local"],
    ["ip6=fe80::1%eth0/64", "has a zone"],
    ["ip6=::ffff:192.0.2.4/96", "is IPv4 in IPv6 clothes"],
    ["gw=192.0.2.1", "has a gateway and no address"],
    ["ip=dhcp;gw=192.0.2.1", "has a gateway beside DHCP"],
    ["ip=192.0.2.4/24;gw=192.0.2.4", "is its own gateway"],
    ["ip6=auto;gw6=fe80::1", "has a gateway beside router advertisements"],
    ["ip=dhcp;ip=dhcp", "says it twice"],
    ["ip=dhcp;mtu=9000", "has an unknown key"],
    ["ip=192.0.2.4/24\n[Network]\nDNS=198.51.100.1", "carries lines of its own"],
  ])("refuses %j, which %s", (text) => {
    expect(parseIpConfig(text)).toBeUndefined();
  });

  it("counts an empty setting as none", () => {
    expect(settings.IPCONFIG3.type.parse("")).toBeUndefined();
  });

  it("never throws, and what it takes it writes in characters of addresses only", () => {
    const part = fc.oneof(
      fc.constantFrom("ip=", "gw=", "ip6=", "gw6=", ";", "/24", "dhcp"),
      fc.ipV4(),
      fc.ipV6(),
      fc.string(),
    );
    fc.assert(
      fc.property(fc.array(part, { maxLength: 8 }), (parts) => {
        const parsed = parseIpConfig(parts.join(""));
        expect(JSON.stringify(parsed ?? {})).toMatch(/^[\w":,{}.]*$/);
      }),
    );
  });
});

describe("addresses", () => {
  it("are kept by a canonical form", () => {
    fc.assert(
      fc.property(fc.ipV4(), fc.integer({ min: 1, max: 32 }), (address, prefix) => {
        const cidr = parseCidr(`${address}/${String(prefix)}`, 4);
        if (cidr !== undefined) expect(cidr).toEqual({ address, prefix });
      }),
    );
    fc.assert(
      fc.property(fc.ipV6(), (address) => {
        const once = parseAddress(address);
        if (once !== undefined) expect(parseAddress(once)).toBe(once);
      }),
    );
  });

  it.each([
    "",
    "0.0.0.0",
    "255.255.255.255",
    "224.0.0.1",
    "127.0.0.53",
    "::",
    "::1",
    "ff02::1",
    "fe80::1%eth0",
    "1",
    "::ffff:192.0.2.1",
  ])("%j is nobody's", (text) => {
    expect(parseAddress(text)).toBeUndefined();
  });
});

describe("servers and domains", () => {
  it.each([
    [settings.DNS_NAMESERVERS.type, "192.0.2.53;2001:DB8::53", ["192.0.2.53", "2001:db8::53"]],
    [settings.DNS_NAMESERVERS.type, "", []],
    [settings.DNS_SEARCH.type, "example.com, lan", ["example.com", "lan"]],
    [settings.NTP_SERVERS.type, "ntp.example.com;192.0.2.7", ["ntp.example.com", "192.0.2.7"]],
  ])("takes a list %#", (type, text, expected) => {
    expect(type.parse(text)).toEqual(expected);
  });

  it.each([
    [settings.DNS_NAMESERVERS.type, "dns.example.com"],
    [settings.DNS_NAMESERVERS.type, "127.0.0.53"],
    [settings.DNS_SEARCH.type, "exa_mple.com"],
    [settings.DNS_SEARCH.type, "-a.example.com"],
    [settings.NTP_SERVERS.type, "192.0.2"],
    [settings.NTP_SERVERS.type, "a'b"],
  ])("refuses what is none of it %#", (type, text) => {
    expect(type.safeParse(text).success).toBe(false);
  });
});
