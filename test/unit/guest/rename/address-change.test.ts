import { describe, expect, test } from "vitest";
import { type AddressFacts, decideAddresses } from "../../../../src/guest/rename/address-change.ts";
import type { NetworkKind } from "../../../../src/guest/network/network-files.ts";

const none = { ipv4: [], ipv6: [] };

function facts(text: string, changes: Partial<AddressFacts> = {}, kind: NetworkKind = "ifupdown"): AddressFacts {
  return {
    names: { oldName: "web.example.com", newName: "shop.example.net" },
    oldName: none,
    newName: none,
    nicAddresses: [],
    network: [{ path: "/etc/network/interfaces", kind, text }],
    hosts: "",
    ...changes,
  };
}

const ipv4 = (...addresses: readonly string[]): AddressFacts["oldName"] => ({ ipv4: addresses, ipv6: [] });
const eth0 = "iface eth0 inet static\n  address 10.0.0.1/24\n  gateway 10.0.0.254\n";

describe("the guest's address", () => {
  test("changes from what the old name resolves to, to what the new one does", () => {
    const decision = decideAddresses(facts(eth0, { oldName: ipv4("10.0.0.1"), newName: ipv4("10.0.0.2") }));
    expect(decision).toEqual({ changes: [{ from: "10.0.0.1", to: "10.0.0.2" }], left: [] });
  });

  test("changes to Ganeti's address for the interface rather than to what the new name resolves to", () => {
    const decision = decideAddresses(
      facts(eth0, { oldName: ipv4("10.0.0.1"), newName: ipv4("10.0.0.2"), nicAddresses: ["10.0.0.3"] }),
    );
    expect(decision.changes).toEqual([{ from: "10.0.0.1", to: "10.0.0.3" }]);
  });

  test("stays while Ganeti has it for the interface, and this is said", () => {
    const decision = decideAddresses(
      facts(eth0, { oldName: ipv4("10.0.0.1"), newName: ipv4("10.0.0.2"), nicAddresses: ["10.0.0.1"] }),
    );
    expect(decision.changes).toEqual([]);
    expect(decision.left.join()).toContain("shop.example.net resolves to 10.0.0.2, but Ganeti has 10.0.0.1");
  });

  test.each([
    ["both names resolve to it", { oldName: ipv4("10.0.0.1"), newName: ipv4("10.0.0.1") }],
    ["the guest does not hold what the old name resolves to", { oldName: ipv4("10.9.9.9"), newName: ipv4("10.0.0.2") }],
    ["nothing is known", {}],
    ["only the new name resolves", { newName: ipv4("10.0.0.2") }],
    ["two interfaces leave it open which is meant", { nicAddresses: ["10.0.0.3", "10.0.0.4"] }],
  ])("stays when %s", (_, changes) => {
    expect(decideAddresses(facts(eth0, changes))).toEqual({ changes: [], left: [] });
  });

  test("stays when the new name has several or no addresses, and this is said", () => {
    const several = decideAddresses(facts(eth0, { oldName: ipv4("10.0.0.1"), newName: ipv4("10.0.0.2", "10.0.0.3") }));
    expect(several.changes).toEqual([]);
    expect(several.left).toEqual(["address 10.0.0.1: shop.example.net resolves to 10.0.0.2, 10.0.0.3"]);
    const gone = decideAddresses(facts(eth0, { oldName: ipv4("10.0.0.1") }));
    expect(gone).toEqual({ changes: [], left: ["address 10.0.0.1: shop.example.net resolves to none"] });
  });

  test("is found in the guest's hosts file when the old name no longer resolves", () => {
    const hosts = "127.0.1.1 web\n10.0.0.1 web.example.com web\n";
    const decision = decideAddresses(facts(eth0, { hosts, newName: ipv4("10.0.0.2") }));
    expect(decision.changes).toEqual([{ from: "10.0.0.1", to: "10.0.0.2" }]);
  });

  test.each<[NetworkKind, string]>([
    ["ifupdown", eth0],
    ["networkd", "[Network]\nAddress=10.0.0.1/24\nGateway=10.0.0.254\nDNS=10.0.0.53\n"],
    ["netplan", "    addresses: [10.0.0.1/24]\n    nameservers:\n      addresses: [10.0.0.53]\n"],
    ["netplan", "    addresses:\n      - 10.0.0.1/24\n    nameservers:\n      addresses:\n        - 10.0.0.53\n"],
  ])("is the only one in %s's file when Ganeti has one interface and the old name no longer resolves", (kind, text) => {
    const decision = decideAddresses(facts(text, { nicAddresses: ["10.0.0.3"] }, kind));
    expect(decision.changes).toEqual([{ from: "10.0.0.1", to: "10.0.0.3" }]);
  });

  test("changes in both families", () => {
    const decision = decideAddresses(
      facts(`${eth0}iface eth0 inet6 static\n  address 2001:db8::1/64\n`, {
        oldName: { ipv4: ["10.0.0.1"], ipv6: ["2001:db8::1"] },
        newName: { ipv4: ["10.0.0.2"], ipv6: ["2001:db8::2"] },
      }),
    );
    expect(decision.changes).toEqual([
      { from: "10.0.0.1", to: "10.0.0.2" },
      { from: "2001:db8::1", to: "2001:db8::2" },
    ]);
  });

  test("outside of its subnet leaves gateway and netmask to the administrator", () => {
    const decision = decideAddresses(facts(eth0, { oldName: ipv4("10.0.0.1"), newName: ipv4("192.0.2.7") }));
    expect(decision.changes).toHaveLength(1);
    expect(decision.left).toEqual(["gateway and netmask: 192.0.2.7 lies outside 10.0.0.1/24"]);
  });
});
