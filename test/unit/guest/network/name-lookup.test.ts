import { expect, test } from "vitest";
import { lookUp, parseHosts } from "../../../../src/guest/network/name-lookup.ts";
import { fakeCommands, testHost } from "../../../fixtures/test-host.ts";

test("takes each address of getent once, without those that mean the node", () => {
  const text =
    "192.0.2.1       STREAM web.example.com\n192.0.2.1       DGRAM\n127.0.1.1 STREAM\n::ffff:192.0.2.1 STREAM\n2001:DB8::1 STREAM\n";
  expect(parseHosts(text)).toEqual(["192.0.2.1", "2001:db8::1"]);
});

test("asks for both families", async () => {
  const fakes = fakeCommands({
    getent: 'case $1 in ahostsv4) echo "192.0.2.1 STREAM x";; *) echo "2001:db8::1 STREAM x";; esac',
  });
  expect(await lookUp(testHost({ path: fakes.path }), "web.example.com")).toEqual({
    ipv4: ["192.0.2.1"],
    ipv6: ["2001:db8::1"],
  });
  expect([...fakes.calls()].sort()).toEqual([
    "getent ahostsv4 -- web.example.com",
    "getent ahostsv6 -- web.example.com",
  ]);
});

test("takes a name that does not resolve as one without addresses", async () => {
  const { path } = fakeCommands({ getent: "exit 2" });
  expect(await lookUp(testHost({ path }), "gone.example.com")).toEqual({ ipv4: [], ipv6: [] });
});

test("goes on with a warning when getent fails", async () => {
  const { path } = fakeCommands({ getent: "exit 1" });
  const host = testHost({ path });
  expect(await lookUp(host, "web.example.com")).toEqual({ ipv4: [], ipv6: [] });
  expect(host.logged()).toContain("cannot look up web.example.com");
});
