import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, test } from "vitest";
import { type NetworkPlan, planNetwork, staticAddresses } from "../../../../src/guest/network/plan.ts";
import { ifupdown } from "../../../../src/guest/network/renderers/ifupdown.ts";
import { netplan } from "../../../../src/guest/network/renderers/netplan.ts";
import { marked } from "../../../../src/guest/network/renderers/rendered.ts";
import { facts, networkSettings, nic } from "../../../fixtures/network-plan.ts";
import { temporaryDirectory } from "../../../fixtures/test-host.ts";

const generate = ["/usr/libexec/netplan/generate", "/usr/lib/netplan/generate", "/lib/netplan/generate"].find((path) =>
  existsSync(path),
);
const hasIfquery = spawnSync("ifquery", ["--version"]).status === 0;

const dns = { dnsNameservers: ["192.0.2.53", "2001:db8::53"], dnsSearch: ["example.com"] };
const both = "ip=192.0.2.4/24;gw=192.0.2.1;ip6=2001:db8::4/64;gw6=fe80::1";
const plans: Readonly<Record<string, NetworkPlan | undefined>> = {
  "two static ones": planNetwork(networkSettings("static", [both, "ip=198.51.100.4/25"], dns), facts([nic(0), nic(1)])),
  "a gateway on the link": planNetwork(networkSettings("static", ["ip=192.0.2.4/32;gw=169.254.1.1"]), facts([nic(0)])),
  DHCP: planNetwork(networkSettings("dhcp"), facts([nic(0), nic(1)])),
};

describe.each(Object.entries(plans))("the program itself reads %s", (_, plan) => {
  test.skipIf(!hasIfquery)("ifquery (needs ifupdown)", () => {
    if (plan === undefined) throw new Error("no plan");
    const file = join(temporaryDirectory(), "interfaces");
    writeFileSync(file, marked(ifupdown.render(plan)[0]?.text ?? "").replace(/^source .*$/m, ""));
    const ids = plan.interfaces.map(({ id }) => id);
    const found = ids.map((id) => spawnSync("ifquery", ["-i", file, id], { encoding: "utf8" }));
    expect(found.map(({ status, stderr }) => [status, stderr])).toEqual(ids.map(() => [0, ""]));
    const addresses = found.flatMap(({ stdout }) => [...stdout.matchAll(/^address: (.*)$/gm)].map((match) => match[1]));
    expect(addresses).toEqual(staticAddresses(plan));
  });

  test.skipIf(generate === undefined)("netplan generate (needs netplan.io)", () => {
    if (plan === undefined) throw new Error("no plan");
    const root = temporaryDirectory();
    for (const { path, text, mode } of netplan.render(plan)) {
      mkdirSync(dirname(join(root, path)), { recursive: true });
      writeFileSync(join(root, path), marked(text), { mode });
    }
    const { status, stderr } = spawnSync(generate ?? "", ["--root-dir", root], { encoding: "utf8" });
    expect([status, stderr]).toEqual([0, ""]);
    const directory = join(root, "run/systemd/network");
    const texts = readdirSync(directory).map((name) => readFileSync(join(directory, name), "utf8"));
    const addresses = texts.flatMap((text) => [...text.matchAll(/^Address=(.*)\/\d+$/gm)].map((match) => match[1]));
    expect(addresses.sort()).toEqual([...staticAddresses(plan)].sort());
  });
});
