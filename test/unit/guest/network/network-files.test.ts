import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { expect, test } from "vitest";
import { readNetworkFiles } from "../../../../src/guest/network/network-files.ts";
import { guestTree, type GuestTree } from "../../../fixtures/guest-tree.ts";

async function paths(guest: GuestTree): Promise<readonly string[]> {
  return (await readNetworkFiles(guest.files)).files.map(({ path }) => path);
}

test("follows ifupdown's source lines", async () => {
  const guest = guestTree({
    "etc/network/interfaces":
      "source /etc/network/interfaces.d/*\nsource-directory more.d\n  source /etc/network/one /etc/network/two\n#source /etc/network/none\n",
    "etc/network/interfaces.d/eth0": "",
    "etc/network/interfaces.d/.hidden": "",
    "etc/network/more.d/plain": "source /etc/network/deep\n",
    "etc/network/more.d/dotted.cfg": "",
    "etc/network/one": "",
    "etc/network/none": "",
    "etc/network/deep": "",
  });
  expect(await paths(guest)).toEqual([
    "/etc/network/interfaces",
    "/etc/network/interfaces.d/eth0",
    "/etc/network/more.d/plain",
    "/etc/network/deep",
    "/etc/network/one",
  ]);
});

test("takes networkd's and netplan's files", async () => {
  const guest = guestTree({
    "etc/systemd/network/10-eth0.network": "",
    "etc/systemd/network/10-eth0.network.d/dns.conf": "",
    "etc/systemd/network/10-eth0.link": "",
    "etc/systemd/network/80-masked.network": { symlink: "/dev/null" },
    "etc/netplan/01.yaml": "",
    "etc/netplan/01.yaml.bak": "",
  });
  expect(await paths(guest)).toEqual([
    "/etc/systemd/network/10-eth0.network",
    "/etc/systemd/network/10-eth0.network.d/dns.conf",
    "/etc/netplan/01.yaml",
  ]);
});

test("ends when files source each other", async () => {
  const guest = guestTree({
    "etc/network/interfaces": "source /etc/network/*\nsource /etc/network/interfaces\n",
    "etc/network/b": "source /etc/network/interfaces\n",
  });
  expect(await paths(guest)).toEqual(["/etc/network/interfaces", "/etc/network/b"]);
});

test("tells of a file that it cannot read instead of waiting for it", async () => {
  const guest = guestTree({ "etc/netplan/01.yaml": "" });
  execFileSync("mkfifo", [join(guest.root, "etc/netplan/00.yaml")]);
  const { files, unreadable } = await readNetworkFiles(guest.files);
  expect(files.map(({ path }) => path)).toEqual(["/etc/netplan/01.yaml"]);
  expect(unreadable).toEqual(["/etc/netplan/00.yaml in the guest: not a regular file but a FIFO"]);
});

test("looks no further than 500 files", async () => {
  const many = Object.fromEntries(Array.from({ length: 600 }, (_, index) => [`etc/netplan/${String(index)}.yaml`, ""]));
  expect(await paths(guestTree(many))).toHaveLength(500);
});
