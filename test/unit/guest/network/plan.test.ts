import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { planNetwork, staticAddresses } from "../../../../src/guest/network/plan.ts";
import { needsLookup } from "../../../../src/guest/network/wishes.ts";
import { renderers } from "../../../../src/guest/network/renderers/installed.ts";
import { liesInSubnet, parseAddress } from "../../../../src/settings/addresses.ts";
import { facts, networkSettings, nic } from "../../../fixtures/network-plan.ts";

const subnet = { networkSubnet: "192.0.2.0/24", networkGateway: "192.0.2.1" };
const subnet6 = { networkSubnet6: "2001:db8::/64", networkGateway6: "2001:db8::1" };
const dhcp = { by: "dhcp", takesRoute: true };
const auto = { by: "auto", takesRoute: true };
const at = (address: string, prefix: number, gateway?: string, onLink = false) => ({
  address,
  prefix,
  gateway,
  onLink,
});

test("network=none plans nothing", () => {
  expect(planNetwork(networkSettings("none"), facts([nic(0)]))).toBeUndefined();
});

describe("an interface is configured", () => {
  test.each([
    ["by its ipconfig", "static", "ip=192.0.2.4/24;gw=192.0.2.1", {}, {}, at("192.0.2.4", 24, "192.0.2.1"), undefined],
    ["by its ipconfig before all else", "auto", "ip=dhcp", { ip: "192.0.2.9", ...subnet }, {}, dhcp, undefined],
    [
      "by Ganeti's address in its network",
      "auto",
      "",
      { ip: "192.0.2.9", ...subnet },
      {},
      at("192.0.2.9", 24, "192.0.2.1"),
      undefined,
    ],
    [
      "with the network's IPv6",
      "static",
      "",
      { ip: "192.0.2.9", ...subnet, ...subnet6 },
      {},
      at("192.0.2.9", 24, "192.0.2.1"),
      auto,
    ],
    [
      "by Ganeti's IPv6 address",
      "static",
      "",
      { ip: "2001:db8::9", ...subnet6 },
      {},
      undefined,
      at("2001:db8::9", 64, "2001:db8::1"),
    ],
    [
      "by the addresses of its name",
      "static",
      "",
      { ...subnet, ...subnet6 },
      { ipv4: ["192.0.2.7"], ipv6: ["2001:db8::7"] },
      at("192.0.2.7", 24, "192.0.2.1"),
      at("2001:db8::7", 64, "2001:db8::1"),
    ],
    [
      "by that address of its name that lies in the network",
      "auto",
      "",
      subnet,
      { ipv4: ["198.51.100.7", "192.0.2.7"] },
      at("192.0.2.7", 24, "192.0.2.1"),
      undefined,
    ],
    ["not by a name of several", "auto", "", subnet, { ipv4: ["192.0.2.8", "192.0.2.7"] }, dhcp, auto],
    ["not by an address whose subnet is unknown", "auto", "", { ip: "192.0.2.9" }, {}, dhcp, auto],
    ["not by an address outside of the network", "auto", "", { ip: "198.51.100.9", ...subnet }, {}, dhcp, auto],
    ["by DHCP", "dhcp", "", { ip: "192.0.2.9", ...subnet }, {}, dhcp, auto],
    [
      "routed, with a gateway on the link",
      "auto",
      "",
      { ip: "192.0.2.9", mode: "routed", ...subnet },
      {},
      at("192.0.2.9", 32, "192.0.2.1", true),
      undefined,
    ],
    [
      "with a link-local gateway",
      "static",
      "ip6=2001:db8::9/64;gw6=fe80::1",
      {},
      {},
      undefined,
      at("2001:db8::9", 64, "fe80::1"),
    ],
  ] as const)("%s", (_, network, ipConfig, changes, resolved, ipv4, ipv6) => {
    const plan = planNetwork(networkSettings(network, [ipConfig]), facts([nic(0, changes)], resolved));
    expect(plan?.interfaces).toEqual([{ id: "net0", mac: "aa:00:00:12:34:00", ipv4, ipv6 }]);
  });
});

describe("of several interfaces", () => {
  test("one has the default route, and router advertisements are listened to on the first", () => {
    const plan = planNetwork(networkSettings("dhcp"), facts([nic(0), nic(1)]));
    expect(plan?.interfaces.map(({ ipv4, ipv6 }) => [ipv4, ipv6])).toEqual([
      [dhcp, auto],
      [{ by: "dhcp", takesRoute: false }, undefined],
    ]);
  });

  test("the one whose ipconfig names the gateway has the default route", () => {
    const settings = networkSettings("auto", ["", "ip=198.51.100.4/24;gw=198.51.100.1"]);
    const plan = planNetwork(settings, facts([nic(0, { ip: "192.0.2.9", ...subnet }), nic(1)]));
    expect(plan?.interfaces.map(({ ipv4 }) => ipv4)).toEqual([
      at("192.0.2.9", 24),
      at("198.51.100.4", 24, "198.51.100.1"),
    ]);
  });

  test("one without an address is left alone by network=static, and that is said", () => {
    const plan = planNetwork(networkSettings("static"), facts([nic(0, { ip: "192.0.2.9", ...subnet }), nic(1)]));
    expect(plan?.interfaces.map(({ id }) => id)).toEqual(["net0"]);
    expect(plan?.notes).toEqual(["interface 1 is not configured: no address of it is known with its subnet"]);
  });

  test("one without a MAC address is left alone, and that is said", () => {
    const plan = planNetwork(networkSettings("dhcp"), facts([nic(0, { mac: "eth0\nfoo" }), nic(1)]));
    expect(plan?.interfaces).toEqual([{ id: "net1", mac: "aa:00:00:12:34:01", ipv4: dhcp, ipv6: undefined }]);
    expect(plan?.notes.join()).toContain("interface 0 is not configured");
  });
});

test("says why an address of Ganeti's does not count", () => {
  const plan = planNetwork(networkSettings("auto"), facts([nic(0, { ip: "192.0.2.9" })]));
  expect(plan?.notes).toEqual(["interface 0 asks DHCP: Ganeti has 192.0.2.9 for it, but no network with its subnet"]);
});

test.each([
  ["static", [], [nic(0)], "for interface 0 no address of it is known with its subnet"],
  ["static", [], [nic(0, { ip: "192.0.2.9" })], "the subnet of 192.0.2.9 is not known"],
  ["static", [], [], "Ganeti names no interface"],
  ["auto", ["", "ip=192.0.2.4/24"], [nic(0)], "ipconfig1 is for interface 1, and the instance has 1"],
  ["auto", ["ip=192.0.2.4/24", "ip=192.0.2.4/24"], [nic(0), nic(1)], "have the address 192.0.2.4"],
  ["dhcp", [], [nic(0), nic(1, { mac: "AA:00:00:12:34:00" })], "have the address aa:00:00:12:34:00"],
] as const)("refuses what cannot be done: network=%s %j", (network, ipConfigs, nics, message) => {
  expect(() => planNetwork(networkSettings(network, ipConfigs), facts(nics))).toThrow(message);
});

test.each([
  ["auto", "", subnet, true],
  ["static", "", { mode: "routed" }, true],
  ["auto", "", {}, false],
  ["auto", "", { ip: "192.0.2.9", ...subnet }, false],
  ["auto", "ip=dhcp", subnet, false],
  ["dhcp", "", subnet, false],
  ["none", "", subnet, false],
] as const)(
  "asks for the addresses of the name only where they decide something: %s %j %j",
  (network, text, changes, asked) => {
    expect(needsLookup(networkSettings(network, [text]), [nic(0, changes)])).toBe(asked);
  },
);

describe("for any instance", () => {
  const hostile = fc.oneof(fc.string(), fc.constantFrom("192.0.2.9\n[Route]", '"', "\t# x", "a: b", "'; rm"));
  const nics = fc
    .array(
      fc.record({
        ip: fc.option(fc.oneof(fc.ipV4(), fc.ipV6(), hostile), { nil: undefined }),
        mac: fc.option(hostile, { nil: undefined, freq: 5 }),
        mode: fc.constantFrom("bridged", "routed", "openvswitch"),
        networkSubnet: fc.option(fc.oneof(fc.constant("0.0.0.0/1"), hostile), { nil: undefined }),
        networkGateway: fc.option(fc.oneof(fc.ipV4(), hostile), { nil: undefined }),
        networkSubnet6: fc.option(fc.oneof(fc.constant("::/1"), hostile), { nil: undefined }),
        networkGateway6: fc.option(fc.oneof(fc.ipV6(), hostile), { nil: undefined }),
        name: hostile,
      }),
      { maxLength: 4 },
    )
    .map((all) => all.map(({ mac, ...rest }, index) => nic(index, mac === undefined ? rest : { ...rest, mac })));
  const ipConfig = fc.constantFrom(
    "",
    "",
    "ip=dhcp",
    "ip6=auto",
    "ip=203.0.113.4/24",
    "ip=203.0.113.5/25;gw=203.0.113.1",
  );
  const planOf = (network: "auto" | "dhcp", texts: readonly string[], cards: ReturnType<typeof nic>[]) => {
    try {
      return planNetwork(networkSettings(network, texts), facts(cards));
    } catch {
      return undefined;
    }
  };
  const any = [fc.constantFrom("auto" as const, "dhcp" as const), fc.array(ipConfig, { maxLength: 4 }), nics] as const;

  test("no address is lost, none is invented, and each family has one default route at most", () => {
    fc.assert(
      fc.property(...any, (network, texts, cards) => {
        const plan = planOf(network, texts, cards);
        if (plan === undefined) return;
        const given = new Set(
          [
            ...texts.flatMap((text) => text.match(/[\d.]+(?=\/)/g) ?? []),
            ...cards.flatMap(({ ip }) => ip ?? []),
          ].flatMap((text) => parseAddress(text) ?? []),
        );
        for (const address of staticAddresses(plan)) expect(given).toContain(address);
        for (const family of ["ipv4", "ipv6"] as const) {
          const routes = plan.interfaces.filter(({ [family]: ip }) =>
            ip === undefined ? false : "by" in ip ? ip.takesRoute : ip.gateway !== undefined,
          );
          expect(routes.length).toBeLessThanOrEqual(1);
          for (const { [family]: ip } of routes) {
            if (ip !== undefined && "address" in ip && ip.gateway !== undefined && !ip.gateway.startsWith("fe80")) {
              expect(ip.onLink).toBe(!liesInSubnet(ip.gateway, ip));
            }
          }
        }
      }),
    );
  });

  test("every renderer writes each address once, and nothing hostile leaves its place", () => {
    fc.assert(
      fc.property(...any, (network, texts, cards) => {
        const plan = planOf(network, texts, cards);
        if (plan === undefined) return;
        for (const renderer of renderers) {
          const text = renderer
            .render(plan)
            .map((file) => file.text)
            .join("");
          for (const address of staticAddresses(plan)) {
            expect(text.split("\n").filter((line) => line.includes(`${address}/`))).toHaveLength(1);
          }
          expect(text).not.toMatch(/rm|a: b|# x/);
          expect(text).toMatch(/^[\t\n -~]*$/);
        }
      }),
    );
  });
});
