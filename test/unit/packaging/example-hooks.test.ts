import { spawnSync } from "node:child_process";
import {
  accessSync,
  constants,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { dirname, join, resolve } from "node:path";
import { expect, test } from "vitest";
import { temporaryDirectory } from "../../fixtures/test-host.ts";

const hooks = "examples/hooks";

function guest(files: Readonly<Record<string, string>>): string {
  const target = temporaryDirectory();
  for (const [path, text] of Object.entries(files)) put(join(target, path), text);
  return target;
}

function put(path: string, text: string): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
}

function runHook(name: string, target: string, more: Readonly<Record<string, string>> = {}) {
  const command = `umask 077; exec "$0"`;
  const { status, stderr } = spawnSync("sh", ["-c", command, resolve(hooks, name)], {
    encoding: "utf8",
    env: { PATH: "/usr/sbin:/usr/bin:/sbin:/bin", TARGET: target, SUITE: "trixie", ARCH: "amd64", ...more },
  });
  return { status, stderr };
}

test("are executable and have names that run-parts takes", () => {
  const names = readdirSync(hooks).filter((name) => statSync(join(hooks, name)).isFile());
  expect(names.length).toBeGreaterThan(0);
  for (const name of names) {
    expect(name).toMatch(/^[A-Za-z0-9_-]+$/);
    accessSync(join(hooks, name), constants.X_OK);
  }
});

test("timezone sets a zone that the guest knows, readable under umask 077", () => {
  const target = guest({ "usr/share/zoneinfo/Etc/UTC": "", "etc/passwd": "" });
  expect(runHook("timezone", target)).toEqual({ status: 0, stderr: "" });
  expect(readlinkSync(join(target, "etc/localtime"))).toBe("/usr/share/zoneinfo/Etc/UTC");
  expect(readFileSync(join(target, "etc/timezone"), "utf8")).toBe("Etc/UTC\n");
  expect(statSync(join(target, "etc/timezone")).mode & 0o777).toBe(0o644);
});

test("timezone fails in a guest without that zone", () => {
  const { status, stderr } = runHook("timezone", guest({ "etc/passwd": "" }));
  expect(status).toBe(1);
  expect(stderr).toContain("tzdata");
});

test("root-ssh-keys leaves a guest alone when there are no keys", () => {
  const { status, stderr } = runHook("root-ssh-keys", guest({ "root/.profile": "" }));
  expect(status).toBe(0);
  expect(stderr).toContain("authorized_keys");
});

test("network gives the first interface the address that Ganeti gave it", () => {
  const target = guest({ "etc/network/interfaces": "auto lo\niface lo inet loopback\n" });
  const nic = { NIC_COUNT: "1", NIC_0_MAC: "aa:00:00:00:00:01", NIC_0_IP: "192.0.2.7" };
  const network = { NIC_0_NETWORK_SUBNET: "192.0.2.0/24", NIC_0_NETWORK_GATEWAY: "192.0.2.1" };
  expect(runHook("network", target, { ...nic, ...network })).toEqual({ status: 0, stderr: "" });
  expect(readFileSync(join(target, "etc/network/interfaces"), "utf8")).toBe(
    "auto lo\niface lo inet loopback\n\nauto lan0\niface lan0 inet static\n    address 192.0.2.7/24\n    gateway 192.0.2.1\n",
  );
  const link = join(target, "etc/systemd/network/10-lan0.link");
  expect(readFileSync(link, "utf8")).toContain("MACAddress=aa:00:00:00:00:01");
  expect(statSync(link).mode & 0o777).toBe(0o644);
  expect(statSync(dirname(link)).mode & 0o777).toBe(0o755);
});

test("network asks DHCP for an interface without an address", () => {
  const target = guest({ "etc/network/interfaces": "" });
  const { status } = runHook("network", target, { NIC_COUNT: "1", NIC_0_MAC: "aa:00:00:00:00:01" });
  expect(status).toBe(0);
  expect(readFileSync(join(target, "etc/network/interfaces"), "utf8")).toBe("\nauto lan0\niface lan0 inet dhcp\n");
});
