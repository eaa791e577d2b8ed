import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { seedCache } from "../fixtures/bootstrapped-cache.ts";
import { installOs, instanceVariables } from "../fixtures/installed-os.ts";
import { diskFile, inGuest, loopOn } from "../fixtures/loop-disk.ts";
import { temporaryDirectory } from "../fixtures/test-host.ts";

const os = installOs();
seedCache(os.cacheDir);

test("a guest is created with its network, and hosts and resolv.conf agree with it", async () => {
  os.settings("PARTITION_STYLE=none\n");
  os.removeHooks();
  const disk = loopOn(diskFile(join(temporaryDirectory(), "sda"), 1024));
  const env = {
    ...{ NIC_COUNT: "1", NIC_0_MAC: "aa:00:00:12:34:56", NIC_0_MODE: "bridged", NIC_0_LINK: "br0" },
    OSP_NETWORK: "static",
    OSP_IPCONFIG0: "ip=192.0.2.4/24;gw=192.0.2.1",
    OSP_DNS_NAMESERVERS: "192.0.2.53",
  };
  const result = await os.run("create", { env: instanceVariables("host1.example.com", [disk], env) });
  expect(result, result.stderr).toMatchObject({ status: 0 });
  const interfaces = inGuest(disk, "cat etc/network/interfaces");
  expect(interfaces).toContain("auto mac/aa:00:00:12:34:56=net0\niface net0 inet static\n\taddress 192.0.2.4/24\n");
  expect(inGuest(disk, "cat etc/hosts")).toContain("192.0.2.4\thost1.example.com host1");
  expect(inGuest(disk, "cat etc/resolv.conf")).toContain("nameserver 192.0.2.53");
});

test("what cannot be is refused before the disk is touched", async () => {
  const path = diskFile(join(temporaryDirectory(), "sda"), 64);
  const env = { NIC_COUNT: "0", OSP_NETWORK: "static" };
  const result = await os.run("create", { env: instanceVariables("host1.example.com", [path], env) });
  expect(result.status).toBe(1);
  expect(result.stderr).toContain("network=static, and Ganeti names no interface");
  expect(readFileSync(path).every((byte) => byte === 0)).toBe(true);
});
