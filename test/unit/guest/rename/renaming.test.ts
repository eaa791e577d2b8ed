import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { findMentions } from "../../../../src/guest/rename/mentions.ts";
import { planRenaming, type Renaming } from "../../../../src/guest/rename/renaming.ts";
import { guestTree, type GuestTree } from "../../../fixtures/guest-tree.ts";
import { fakeCommands, testHost } from "../../../fixtures/test-host.ts";

const names = { oldName: "web.example.com", newName: "shop.example.net" };
const resolver = `case "$1 $3" in
"ahostsv4 web.example.com") echo "10.0.0.1 STREAM x";;
"ahostsv4 shop.example.net") echo "10.0.0.2 STREAM x";;
*) exit 2;; esac`;

async function plan(guest: GuestTree, change = names): Promise<Renaming> {
  const host = testHost({ path: fakeCommands({ getent: resolver }).path });
  return await planRenaming(host, guest.files, change, []);
}

async function apply(guest: GuestTree): Promise<Renaming> {
  const renaming = await plan(guest);
  await guest.files.editAll(renaming.files);
  return renaming;
}

const whole = {
  "etc/hostname": "web.example.com\n",
  "etc/mailname": "web.example.com\n",
  "etc/hosts": "127.0.0.1 localhost\n10.0.0.1 web.example.com web\n",
  "etc/network/interfaces": "iface eth0 inet static\n  address 10.0.0.1/24\n",
  "etc/netplan/01.yaml": "addresses: [10.0.0.1/24]\n",
};

describe("a rename", () => {
  test("changes every file that has the old name or address, the hostname last", async () => {
    const guest = guestTree(whole);
    const renaming = await apply(guest);
    expect(renaming.files.map(({ path }) => path)).toEqual([
      "/etc/network/interfaces",
      "/etc/netplan/01.yaml",
      "/etc/hosts",
      "/etc/mailname",
      "/etc/hostname",
    ]);
    expect(guest.text("etc/hostname")).toBe("shop.example.net\n");
    expect(guest.text("etc/hosts")).toBe("127.0.0.1 localhost\n10.0.0.2 shop.example.net shop\n");
    expect(guest.text("etc/network/interfaces")).toContain("address 10.0.0.2/24");
  });

  test("has nothing to do the second time", async () => {
    const guest = guestTree(whole);
    await apply(guest);
    expect((await plan(guest)).files).toEqual([]);
  });

  test("to a name that is too long for the kernel gives the guest the short one, once and for all", async () => {
    const guest = guestTree(whole);
    const change = { ...names, newName: `shop.${"rack.".repeat(12)}example.net` };
    await guest.files.editAll((await plan(guest, change)).files);
    expect([guest.text("etc/hostname"), guest.text("etc/mailname")]).toEqual(["shop\n", `${change.newName}\n`]);
    expect(guest.text("etc/hosts")).toContain(`${change.newName} shop\n`);
    expect((await plan(guest, change)).files).toEqual([]);
  });

  test("gives a guest with a short hostname a short one", async () => {
    const guest = guestTree({ ...whole, "etc/hostname": "web\n" });
    await apply(guest);
    expect(guest.text("etc/hostname")).toBe("shop\n");
  });

  test("goes on where one that was cut short stopped", async () => {
    const guest = guestTree({ ...whole, "etc/mailname": "shop.example.net\n" });
    await apply(guest);
    expect(guest.text("etc/hostname")).toBe("shop.example.net\n");
  });

  test("leaves a mailname that was chosen in the guest, and says so", async () => {
    const guest = guestTree({ ...whole, "etc/mailname": "example.com\n" });
    const { left } = await apply(guest);
    expect(guest.text("etc/mailname")).toBe("example.com\n");
    expect(left).toEqual([`/etc/mailname: it is "example.com"`]);
  });

  test("is refused with all names when the hostname was changed by hand", async () => {
    const guest = guestTree({ ...whole, "etc/hostname": "special\u001b[2J\n" });
    await expect(plan(guest)).rejects.toThrow(
      'cannot rename web.example.com to shop.example.net inside the guest: it calls itself "special\\x1b[2J", not web.example.com or web; nothing in it was changed',
    );
  });

  test("to the same name, as after an import, leaves a hostname that was chosen in the guest", async () => {
    const guest = guestTree({ ...whole, "etc/hostname": "special\n" });
    const same = { oldName: names.oldName, newName: names.oldName };
    const host = testHost({ path: fakeCommands({ getent: resolver }).path });
    const { files, addresses } = await planRenaming(host, guest.files, same, ["10.0.0.3"]);
    expect(addresses).toEqual([{ from: "10.0.0.1", to: "10.0.0.3" }]);
    expect(files.map(({ path }) => path)).not.toContain("/etc/hostname");
  });

  test("is refused where there is no hostname", async () => {
    const { "etc/hostname": _, ...without } = whole;
    await expect(plan(guestTree(without))).rejects.toThrow("it has no /etc/hostname");
  });

  test("leaves what is no regular file beside the hostname, and says so", async () => {
    const { "etc/hosts": _, ...without } = whole;
    const guest = guestTree(without);
    execFileSync("mkfifo", [join(guest.root, "etc/hosts")]);
    const { left } = await apply(guest);
    expect(left).toEqual(["/etc/hosts in the guest: not a regular file but a FIFO"]);
    expect(guest.text("etc/hostname")).toBe("shop.example.net\n");
  });
});

describe("what still holds an old name", () => {
  const options = { names: ["web.example.com"], addresses: ["10.0.0.1"] };

  test("is found below /etc by whole words", async () => {
    const guest = guestTree({
      "etc/postfix/main.cf": "myhostname = web.example.com\ninet_interfaces = 10.0.0.1\n",
      "etc/a": "otherweb.example.com web.example.com.au web.example.com-old 10.0.0.10\n",
      "etc/b": "see web.example.com.\n",
      "etc/ssh/ssh_host_rsa_key.pub": "ssh-rsa AAAA root@web.example.com\n",
      "etc/c": "binary\0web.example.com\n",
    });
    expect(await findMentions(guest.files, options)).toEqual([
      { path: "/etc/b", words: ["web.example.com"] },
      { path: "/etc/postfix/main.cf", words: ["web.example.com", "10.0.0.1"] },
    ]);
  });

  test("is not looked for through links, in deep trees or in anything but files", async () => {
    const guest = guestTree({
      "etc/up": { symlink: ".." },
      "etc/1/2/3/4/5/6/7/8/file": "web.example.com",
      "etc/1/2/file": "web.example.com",
    });
    execFileSync("mkfifo", [join(guest.root, "etc/fifo")]);
    expect((await findMentions(guest.files, options)).map(({ path }) => path)).toEqual(["/etc/1/2/file"]);
  });
});
