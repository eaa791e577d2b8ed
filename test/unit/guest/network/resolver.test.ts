import { readlinkSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { reachable, writeResolver } from "../../../../src/guest/network/resolver.ts";
import { guestTree } from "../../../fixtures/guest-tree.ts";
import { testHost } from "../../../fixtures/test-host.ts";

test.each(["127.0.0.53", "127.0.0.1", "127.1.2.3", "::1", "0.0.0.0", "::ffff:127.0.0.1", "fe80::1%eth0", "nonsense"])(
  "takes a resolv.conf with only %s as naming no server",
  (server) => {
    expect(reachable(`nameserver ${server}\noptions edns0\n`)).toBeUndefined();
  },
);

test("keeps servers, search list and options; drops comments, stubs and trust-ad", () => {
  const text =
    "# by hand\nnameserver 127.0.0.1\nnameserver 192.0.2.1 ; first\nnameserver 2001:db8::53\nsearch example.com lan\noptions edns0 trust-ad\n";
  expect(reachable(text)).toBe(
    "search example.com lan\noptions edns0\nnameserver 192.0.2.1\nnameserver 2001:db8::53\n",
  );
});

test("drops systemd-resolved's `search .`", () => {
  expect(reachable("nameserver 192.0.2.1\noptions trust-ad\nsearch .\n")).toBe("nameserver 192.0.2.1\n");
});

test("asks systemd-resolved's own file when the node's names only the stub", async () => {
  const node = guestTree({
    "etc/resolv.conf": "nameserver 127.0.0.53\n",
    "run/systemd/resolve/resolv.conf": "nameserver 192.0.2.9\n",
  });
  const guest = guestTree({ "etc/hostname": "" });
  await writeResolver(testHost(), guest.files, node.root);
  expect(guest.text("etc/resolv.conf")).toBe("nameserver 192.0.2.9\n");
});

test("leaves no stub in the guest when the node has no other server, and warns", async () => {
  const node = guestTree({ "etc/resolv.conf": "nameserver 127.0.0.53\n" });
  const guest = guestTree({ "etc/resolv.conf": "nameserver 127.0.0.53\n" });
  const host = testHost();
  await writeResolver(host, guest.files, node.root);
  expect(guest.text("etc/resolv.conf")).toBe("");
  expect(host.logged()).toContain("names no server that a guest could reach");
});

test("keeps a dangling link of the guest's resolver and fills the file it leads to inside the guest", async () => {
  const node = guestTree({ "etc/resolv.conf": "nameserver 192.0.2.9\n" });
  const link = "../run/systemd/resolve/stub-resolv.conf";
  const guest = guestTree({ "etc/resolv.conf": { symlink: link } });
  await writeResolver(testHost(), guest.files, node.root);
  expect(readlinkSync(join(guest.root, "etc/resolv.conf"))).toBe(link);
  expect(guest.text("run/systemd/resolve/stub-resolv.conf")).toBe("nameserver 192.0.2.9\n");
});
