import { execFileSync } from "node:child_process";
import { existsSync, statSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { writeSshHostKeys } from "../../../../src/guest/identity/ssh-host-keys.ts";
import { guestTree } from "../../../fixtures/guest-tree.ts";
import { testHost } from "../../../fixtures/test-host.ts";

const hasKeygen = ["/usr/bin/ssh-keygen", "/usr/local/bin/ssh-keygen"].some(existsSync);

test.runIf(hasKeygen)("gives a guest with openssh-server keys of its own and logs their fingerprints", async () => {
  const guest = guestTree({ "usr/sbin/sshd": "" });
  const host = testHost();
  await writeSshHostKeys(host, guest.files, "web.example.com");
  for (const [type, form] of [
    ["rsa", "RSA"],
    ["ecdsa", "EC"],
    ["ed25519", "OPENSSH"],
  ] as const) {
    const file = join(guest.root, `etc/ssh/ssh_host_${type}_key`);
    expect([statSync(file).mode & 0o777, statSync(`${file}.pub`).mode & 0o777]).toEqual([0o600, 0o644]);
    expect(guest.text(`etc/ssh/ssh_host_${type}_key`)).toContain(`-----BEGIN ${form} PRIVATE KEY-----`);
    expect(guest.text(`etc/ssh/ssh_host_${type}_key.pub`)).toMatch(/ root@web\.example\.com\n$/);
    const digest = /SHA256:\S{43}/.exec(keygen("-l", "-f", `${file}.pub`))?.[0] ?? "none";
    expect(host.logged()).toContain(`SSH host key ${digest} (`);
    expect(keygen("-y", "-f", file).trim().split(" ")[1]).toBe(
      guest.text(`etc/ssh/ssh_host_${type}_key.pub`).split(" ")[1],
    );
  }
  expect(await guest.files.list("/")).toEqual(["etc", "usr"]);
});

test.runIf(hasKeygen)("follows a link at /etc/ssh inside the guest only", async () => {
  const guest = guestTree({ "usr/sbin/sshd": "", "etc/ssh": { symlink: "/srv/ssh" } });
  await writeSshHostKeys(testHost(), guest.files, "web");
  expect(await guest.files.list("/srv/ssh")).toContain("ssh_host_ed25519_key");
});

test("makes none for a guest without an SSH server", async () => {
  const guest = guestTree({ "etc/hostname": "" });
  await writeSshHostKeys(testHost(), guest.files, "web");
  expect(await guest.files.list("/etc/ssh")).toEqual([]);
});

function keygen(...args: readonly string[]): string {
  return execFileSync("ssh-keygen", args, { encoding: "utf8" });
}
