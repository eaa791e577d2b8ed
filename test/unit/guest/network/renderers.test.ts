import { describe, expect, test } from "vitest";
import { planNetwork } from "../../../../src/guest/network/plan.ts";
import { renderers } from "../../../../src/guest/network/renderers/installed.ts";
import { editedByUs, isIntact, marked } from "../../../../src/guest/network/renderers/rendered.ts";
import { facts, networkSettings, nic } from "../../../fixtures/network-plan.ts";

const dns = { dnsNameservers: ["192.0.2.53", "2001:db8::53"], dnsSearch: ["example.com", "lan"] };
const routed = { mode: "routed", ip: "192.0.2.9", networkSubnet: "192.0.2.0/24", networkGateway: "192.0.2.1" };

const plans = {
  dhcp: planNetwork(networkSettings("dhcp"), facts([nic(0), nic(1)])),
  "two-static": planNetwork(
    networkSettings(
      "static",
      ["ip=192.0.2.4/24;gw=192.0.2.1;ip6=2001:db8::4/64;gw6=fe80::1", "ip=198.51.100.4/25"],
      dns,
    ),
    facts([nic(0), nic(1)]),
  ),
  routed: planNetwork(networkSettings("auto"), facts([nic(0, routed)])),
  "ipv6-only": planNetwork(networkSettings("auto", ["ip6=dhcp"], dns), facts([nic(0)])),
};

describe.each(renderers)("$name", (renderer) => {
  test.each(Object.entries(plans))("writes a plan as golden: %s", async (name, plan) => {
    if (plan === undefined) throw new Error("no plan");
    const files = renderer.render(plan);
    const text = files.map(({ path, mode, text }) => `### ${path} ${mode.toString(8)}\n${text}`).join("");
    await expect(text).toMatchFileSnapshot(`golden/${renderer.name}-${name}`);
    for (const { path } of files) {
      expect(path.startsWith(`${renderer.place.directory}/`)).toBe(true);
      expect(path.slice(renderer.place.directory.length + 1)).toMatch(renderer.place.names);
    }
  });
});

test("a file is known to be ours until somebody edits it", () => {
  const text = marked("auto lo\n");
  expect(isIntact(text)).toBe(true);
  expect(isIntact(`${text}\n`)).toBe(false);
  expect(isIntact(text.replace("lo", "l0"))).toBe(false);
  expect(isIntact("auto lo\n")).toBe(false);
  expect(isIntact("")).toBe(false);
});

test("an edit of ours leaves a file known to be ours, and an edited one edited", () => {
  const change = (body: string): string => body.replace("192.0.2.4", "192.0.2.5");
  expect(editedByUs(marked("address 192.0.2.4\n"), change)).toBe(marked("address 192.0.2.5\n"));
  expect(editedByUs("address 192.0.2.4\n", change)).toBe("address 192.0.2.5\n");
});
