import { describe, expect, test } from "vitest";
import {
  addressesIn,
  changeAddresses,
  isLocalAddress,
  liesIn,
  subnetsOf,
} from "../../../../src/guest/network/addresses.ts";

const change = (text: string, from = "10.0.0.1", to = "192.0.2.7"): string => changeAddresses(text, [{ from, to }]);

describe("changing an address", () => {
  test.each([
    ["  address 10.0.0.1/24", "  address 192.0.2.7/24"],
    ["address 10.0.0.1", "address 192.0.2.7"],
    ["Address=10.0.0.1/24", "Address=192.0.2.7/24"],
    ["addresses: [10.0.0.1/24, 10.0.0.2/24]", "addresses: [192.0.2.7/24, 10.0.0.2/24]"],
    [`- "10.0.0.1/24"`, `- "192.0.2.7/24"`],
    ["up ip rule add from 10.0.0.1 table 5", "up ip rule add from 192.0.2.7 table 5"],
  ])("in %j gives %j", (line, changed) => {
    expect(change(line)).toBe(changed);
  });

  test.each(["110.0.0.1", "10.0.0.10", "10.0.0.1.5", "10.0.0.1x", "a10.0.0.1", "v10.0.0.1-rc", "10.0.0.1.example.com"])(
    "leaves %s, of which it is only a part",
    (word) => {
      expect(change(`address ${word}`)).toBe(`address ${word}`);
    },
  );

  test.each(["# was 10.0.0.1", "; was 10.0.0.1", "   # 10.0.0.1"])("leaves the comment line %j", (line) => {
    expect(change(line)).toBe(line);
  });

  test.each(["2001:db8::1", "2001:DB8::1", "2001:0db8:0:0:0:0:0:1"])(
    "knows the IPv6 address in the form %s",
    (form) => {
      expect(change(`Address=${form}/64`, "2001:db8::1", "2001:db8:9::1")).toBe("Address=2001:db8:9::1/64");
    },
  );

  test("leaves a longer IPv6 address, a hardware address and a time", () => {
    const text = "2001:db8::1:1 aa:bb:cc:dd:ee:01 12:30";
    expect(change(text, "2001:db8::1", "2001:db8::9")).toBe(text);
  });

  test("changes two addresses at once without changing one of them twice", () => {
    const swap = [
      { from: "10.0.0.1", to: "10.0.0.2" },
      { from: "10.0.0.2", to: "10.0.0.1" },
    ];
    expect(changeAddresses("10.0.0.1 10.0.0.2", swap)).toBe("10.0.0.2 10.0.0.1");
  });
});

test("finds the addresses of a text in one form each", () => {
  expect([...addressesIn("a 10.0.0.1/24\n# 10.0.0.9\n2001:DB8::0:1 fe80::1%eth0 1.2.3 12:30")]).toEqual([
    "10.0.0.1",
    "2001:db8::1",
  ]);
});

test.each(["127.0.0.1", "::1", "::", "169.254.1.1", "fe80::1", "::ffff:7f00:1", "0.0.0.0"])(
  "%s is local",
  (address) => {
    expect(isLocalAddress(address)).toBe(true);
  },
);

test.each(["10.0.0.1", "2001:db8::1", "192.168.1.1", "fd00::1"])("%s is not local", (address) => {
  expect(isLocalAddress(address)).toBe(false);
});

describe("the subnet of an address", () => {
  test.each([
    ["Address=10.0.0.1/24", ["10.0.0.1/24"]],
    ["iface eth0 inet static\n  address 10.0.0.1\n  netmask 255.255.255.0", ["10.0.0.1/24"]],
    ["iface eth0 inet static\n  netmask 26\n  address 10.0.0.1", ["10.0.0.1/26"]],
    ["iface a inet static\n  address 10.0.0.1\niface b inet static\n  netmask 255.0.0.0", []],
    ["address 10.0.0.2/8", []],
  ])("in %j is %j", (text, subnets) => {
    expect(subnetsOf(text, "10.0.0.1")).toEqual(subnets);
  });

  test.each([
    ["10.0.0.200", "10.0.0.1/24", true],
    ["10.0.1.1", "10.0.0.1/24", false],
    ["2001:db8::9", "2001:db8::1/64", true],
    ["2001:db8:1::9", "2001:db8::1/64", false],
    ["10.0.0.1", "10.0.0.1/99", false],
  ])("holds %s in %s: %s", (address, subnet, holds) => {
    expect(liesIn(address, subnet)).toBe(holds);
  });
});
