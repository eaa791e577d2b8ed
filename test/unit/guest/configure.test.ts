import { statSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { configureGuest } from "../../../src/guest/configure.ts";
import type { InstanceConsole } from "../../../src/guest/console/serial-console.ts";
import type { Instance, InstanceNic } from "../../../src/os-api/request.ts";
import { planNetwork } from "../../../src/guest/network/plan.ts";
import { facts, networkSettings, nic } from "../../fixtures/network-plan.ts";
import { guestTree, type GuestTree } from "../../fixtures/guest-tree.ts";
import { testHost } from "../../fixtures/test-host.ts";

type Console = Pick<InstanceConsole, "serial">;

const disks = { filesystem: { uuid: "r-1", type: "ext4" as const }, swap: { uuid: "s-1" }, dataDisks: [] };
const instance = { name: "web.example.com", nics: [] };
const serial = { serial: { port: "ttyS0", speed: 38_400, isLine: true } };

function configure(
  guest: GuestTree,
  changes: Partial<Pick<Instance, "name" | "nics">> = {},
  console: Console = serial,
) {
  const options = { nodeRoot: node() };
  const host = testHost();
  return configureGuest(host, { files: guest.files, ...disks }, { ...instance, ...changes }, console, options);
}

const system = {
  "etc/passwd": "root:x:0:0:root:/root:/bin/bash\n",
  "etc/shadow": "root:*:19000:0:99999:7:::\n",
  "etc/hostname": "node1.example.com\n",
  "etc/machine-id": "0123456789abcdef0123456789abcdef\n",
  "etc/ssh/ssh_host_rsa_key": "shared",
  "usr/sbin/ifup": "",
  "usr/lib/systemd/system/serial-getty@.service": "",
  "sbin/init": { symlink: "/usr/lib/systemd/systemd" },
};

const node = (): string => guestTree({ "etc/resolv.conf": "nameserver 192.0.2.1\n" }).root;

test("makes a guest of a copied system, every file readable whatever the umask", async () => {
  const guest = guestTree(system);
  const umask = process.umask(0o077);
  try {
    await configure(guest);
  } finally {
    process.umask(umask);
  }
  expect(guest.text("etc/hostname")).toBe("web.example.com\n");
  expect(guest.text("etc/mailname")).toBe("web.example.com\n");
  expect(guest.text("etc/hosts")).toContain("127.0.1.1\tweb.example.com web\n");
  expect(guest.text("etc/fstab")).toContain("UUID=s-1 none swap sw 0 0\n");
  expect(guest.text("etc/resolv.conf")).toBe("nameserver 192.0.2.1\n");
  expect(guest.text("etc/network/interfaces")).toContain("iface lo inet loopback\n");
  expect(guest.text("etc/shadow")).toContain("root::");
  expect(guest.text("etc/machine-id")).toBe("");
  expect(await guest.files.list("/etc/ssh")).toEqual([]);
  for (const name of ["hostname", "mailname", "hosts", "fstab", "resolv.conf", "network/interfaces"]) {
    expect([name, statSync(join(guest.root, "etc", name)).mode & 0o777]).toEqual([name, 0o644]);
  }
});

test("writes no network file where ifupdown is missing", async () => {
  const { "usr/sbin/ifup": _, ...without } = system;
  const guest = guestTree(without);
  await configure(guest);
  expect(await guest.files.exists("/etc/network/interfaces")).toBe(false);
});

test.each([
  ["with", { "etc/network/interfaces.d/.keep": "" }, true],
  ["without", {}, false],
])("sources interfaces.d for an ifupdown %s that directory", async (_, more, sourced) => {
  const guest = guestTree({ ...system, ...more });
  await configure(guest);
  expect(guest.text("etc/network/interfaces").includes("source /etc/network/interfaces.d/*")).toBe(sourced);
});

test("names the guest at the address of its first interface", async () => {
  const guest = guestTree(system);
  const first = { index: 0, ip: "198.51.100.4" } as InstanceNic;
  await configure(guest, { nics: [first] });
  expect(guest.text("etc/hosts")).toContain("198.51.100.4\tweb.example.com web\n");
});

test("leaves the guest without a serial login when the instance has no serial console", async () => {
  const guest = guestTree(system);
  await configure(guest, {}, { serial: undefined });
  expect(await guest.files.exists("/etc/systemd/system/getty.target.wants")).toBe(false);
});

test("configures a network that is planned, and hosts, resolv.conf and time servers agree with it", async () => {
  const guest = guestTree({ ...system, "usr/lib/systemd/systemd-timesyncd": "", "etc/chrony/sources.d/.keep": "" });
  const settings = networkSettings("static", ["ip=198.51.100.4/24;gw=198.51.100.1;ip6=2001:db8::4/64"]);
  const plan = planNetwork(settings, facts([nic(0, { ip: "192.0.2.99" })]));
  const network = {
    plan,
    dns: { nameservers: ["198.51.100.53"], search: ["example.com"] },
    timeServers: ["ntp.example.com"],
  };
  await configureGuest(testHost(), { files: guest.files, ...disks }, instance, serial, { nodeRoot: node(), network });
  expect(guest.text("etc/network/interfaces")).toContain("\taddress 198.51.100.4/24\n");
  expect(guest.text("etc/hosts")).toContain("198.51.100.4\tweb.example.com web\n");
  expect(guest.text("etc/hosts")).toContain("2001:db8::4\tweb.example.com web\n");
  expect(guest.text("etc/resolv.conf")).toBe("search example.com\nnameserver 198.51.100.53\n");
  expect(guest.text("etc/systemd/timesyncd.conf.d/ganeti.conf")).toBe("[Time]\nNTP=ntp.example.com\n");
  expect(guest.text("etc/chrony/sources.d/ganeti.sources")).toBe("server ntp.example.com iburst\n");
});
