import { expect, test } from "vitest";
import { hostNameFor, writeHostName } from "../../../../src/guest/identity/host-name.ts";
import { guestTree } from "../../../fixtures/guest-tree.ts";
import { testHost } from "../../../fixtures/test-host.ts";

const label = "a".repeat(40);

test("a name of 64 bytes is a hostname, one more is too long for the kernel", () => {
  const longest = `${label}.${"b".repeat(23)}`;
  expect(hostNameFor(longest)).toBe(longest);
  expect(hostNameFor(`${longest}b`)).toBe(label);
});

test("a guest with a long name has the short one as its hostname, and that is reported", async () => {
  const [guest, host] = [guestTree({}), testHost()];
  const name = `${label}.rack-12.datacentre-north.example.org`;
  await writeHostName(host, guest.files, name);
  expect([guest.text("etc/hostname"), guest.text("etc/mailname")]).toEqual([`${label}\n`, `${name}\n`]);
  expect(host.logged()).toContain(`warning: the name ${name} has 77 bytes`);
});

test("nothing is reported of a name that fits", async () => {
  const [guest, host] = [guestTree({}), testHost()];
  await writeHostName(host, guest.files, "web.example.com");
  expect([guest.text("etc/hostname"), host.logged()]).toEqual(["web.example.com\n", ""]);
});
