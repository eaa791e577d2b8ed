import { lstatSync, statSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { networkPackages } from "../../../../src/guest/network/packages.ts";
import { planNetwork } from "../../../../src/guest/network/plan.ts";
import { isIntact } from "../../../../src/guest/network/renderers/rendered.ts";
import { resolverText } from "../../../../src/guest/network/resolver.ts";
import { writeNetwork } from "../../../../src/guest/network/write.ts";
import { guestTree } from "../../../fixtures/guest-tree.ts";
import { facts, networkSettings, nic } from "../../../fixtures/network-plan.ts";
import { testHost } from "../../../fixtures/test-host.ts";

const plan = planNetwork(networkSettings("dhcp"), facts([nic(0)]));
const ifup = { "usr/sbin/ifup": "", "etc/network/interfaces.d/.keep": "" };
const systemd = {
  "usr/lib/systemd/systemd-networkd": "",
  "usr/lib/systemd/system/systemd-networkd.service": "",
  "usr/lib/systemd/system/systemd-networkd.socket": "",
};

describe("the network is written for", () => {
  test.each([
    ["ifupdown", ifup, "etc/network/interfaces", 0o644],
    ["ifupdown, though systemd has networkd", { ...systemd, ...ifup }, "etc/network/interfaces", 0o644],
    [
      "NetworkManager, though ifupdown is there",
      { ...ifup, "usr/sbin/NetworkManager": "" },
      "etc/NetworkManager/system-connections/net0.nmconnection",
      0o600,
    ],
    ["netplan before all others", { ...systemd, ...ifup, "usr/sbin/netplan": "" }, "etc/netplan/50-ganeti.yaml", 0o600],
    ["systemd-networkd", systemd, "etc/systemd/network/10-net0.network", 0o644],
  ])("%s", async (_, tree, path, mode) => {
    const guest = guestTree(tree);
    await writeNetwork(testHost(), guest.files, plan);
    expect(isIntact(guest.text(path))).toBe(true);
    expect(statSync(join(guest.root, path)).mode & 0o777).toBe(mode);
  });
});

test("systemd-networkd is enabled where it is needed, and nowhere else", async () => {
  const [guest, other] = [guestTree(systemd), guestTree({ ...systemd, ...ifup })];
  await writeNetwork(testHost(), guest.files, plan);
  await writeNetwork(testHost(), other.files, plan);
  const wants = "etc/systemd/system/multi-user.target.wants/systemd-networkd.service";
  expect(lstatSync(join(guest.root, wants)).isSymbolicLink()).toBe(true);
  expect(await guest.files.exists("/etc/systemd/system/network-online.target.wants")).toBe(false);
  expect(await other.files.exists("/etc/systemd/system")).toBe(false);
});

test("without a plan there is only lo, as ever", async () => {
  const guest = guestTree({ ...systemd, ...ifup });
  await writeNetwork(testHost(), guest.files, undefined);
  expect(guest.text("etc/network/interfaces")).toBe(
    "# The network interfaces of this system; see interfaces(5).\n\nsource /etc/network/interfaces.d/*\n\nauto lo\niface lo inet loopback\n",
  );
  expect(await guest.files.list("/etc")).toEqual(["network"]);
});

test("says that nothing could bring an interface up", async () => {
  const host = testHost();
  await writeNetwork(host, guestTree({ "etc/hostname": "" }).files, plan);
  expect(host.logged()).toContain("nothing in the guest could bring an interface up");
});

test("cloud-init is told to keep away from the network", async () => {
  const guest = guestTree({ ...ifup, "etc/cloud/cloud.cfg": "" });
  await writeNetwork(testHost(), guest.files, plan);
  expect(guest.text("etc/cloud/cloud.cfg.d/99-ganeti-network.cfg")).toBe("network: {config: disabled}\n");
});

test.each([
  ["none", "trixie", ["--variant=minbase"], []],
  ["dhcp", "trixie", [], []],
  ["dhcp", "trixie", ["--variant=minbase"], ["ifupdown", "dhcpcd-base"]],
  ["auto", "bookworm", ["--exclude=ifupdown"], ["ifupdown", "isc-dhcp-client"]],
  ["auto", "noble", ["--variant", "minbase"], ["netplan.io"]],
] as const)("packages: network=%s for %s with %j", (network, suite, debootstrapOptions, packages) => {
  expect(networkPackages({ network, suite, debootstrapOptions })).toEqual(packages);
});

test.each([
  ["", { nameservers: ["192.0.2.1"], search: [] }, "nameserver 192.0.2.1\n"],
  ["search lan\nnameserver 192.0.2.9\n", { nameservers: [], search: [] }, "search lan\nnameserver 192.0.2.9\n"],
  [
    "search lan\nnameserver 192.0.2.9\n",
    { nameservers: ["192.0.2.1"], search: [] },
    "search lan\nnameserver 192.0.2.1\n",
  ],
  [
    "domain lan\nnameserver 192.0.2.9\n",
    { nameservers: [], search: ["a.example", "b"] },
    "search a.example b\nnameserver 192.0.2.9\n",
  ],
])("resolv.conf: %j with %j", (node, wanted, text) => {
  expect(resolverText(node, wanted)).toBe(text);
});
