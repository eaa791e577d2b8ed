import { execFileSync } from "node:child_process";
import { createPrivateKey, createPublicKey } from "node:crypto";
import { readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { writeSshHostKeys } from "../../../../src/guest/identity/ssh-host-keys.ts";
import { generateSshKey } from "../../../../src/guest/identity/ssh-key.ts";
import { guestTree } from "../../../fixtures/guest-tree.ts";
import { temporaryDirectory, testHost } from "../../../fixtures/test-host.ts";

const hasKeygen = commandExists("ssh-keygen");

describe.each(["rsa", "ecdsa", "ed25519"] as const)("a key of type %s", (type) => {
  test.runIf(hasKeygen)(
    "is one that ssh-keygen reads, with the same public key and fingerprint (needs ssh-keygen)",
    async () => {
      const key = await generateSshKey(type, "root@web");
      const file = join(temporaryDirectory(), "key");
      writeFileSync(file, key.privateKey, { mode: 0o600 });
      writeFileSync(`${file}.pub`, key.publicKey);
      const fields = (line: string): string[] => line.split(" ").slice(0, 2);
      expect(fields(keygen("-y", "-f", file).trim())).toEqual(fields(key.publicKey));
      expect(keygen("-l", "-f", `${file}.pub`)).toContain(key.fingerprint.split(" ")[0]);
    },
  );

  test.runIf(commandExists("dropbearkey"))(
    "is one that dropbear reads, with the same public key (needs dropbearkey)",
    async () => {
      const key = await generateSshKey(type, "root@web");
      const file = join(temporaryDirectory(), "key");
      writeFileSync(file, key.dropbearKey, { mode: 0o600 });
      const said = execFileSync("dropbearkey", ["-y", "-f", file], { encoding: "utf8" });
      expect(said).toContain(key.publicKey.split(" ").slice(0, 2).join(" "));
    },
  );
});

test("gives a guest with dropbear keys in its own form", async () => {
  const guest = guestTree({ "usr/sbin/dropbear": "", "etc/dropbear/run": "" });
  await writeSshHostKeys(testHost(), guest.files, "web.example.com");
  for (const [type, name] of Object.entries({ rsa: "ssh-rsa", ecdsa: "ecdsa-sha2-nistp256", ed25519: "ssh-ed25519" })) {
    const file = join(guest.root, `etc/dropbear/dropbear_${type}_host_key`);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    const key = readFileSync(file);
    expect(key.subarray(4, 4 + key.readUInt32BE()).toString()).toBe(name);
  }
  expect(await guest.files.list("/etc/ssh")).toEqual([]);
});

test("writes rsa and ecdsa as PEM that fits the public key", async () => {
  for (const type of ["rsa", "ecdsa"] as const) {
    const { privateKey } = await generateSshKey(type, "c");
    expect(privateKey).toMatch(/^-----BEGIN (RSA|EC) PRIVATE KEY-----/);
    expect(createPublicKey(createPrivateKey(privateKey)).type).toBe("public");
  }
});

test("gives a guest with openssh-server keys of its own and logs their fingerprints", async () => {
  const guest = guestTree({ "usr/sbin/sshd": "" });
  const host = testHost();
  await writeSshHostKeys(host, guest.files, "web.example.com");
  for (const type of ["rsa", "ecdsa", "ed25519"]) {
    expect(statSync(join(guest.root, `etc/ssh/ssh_host_${type}_key`)).mode & 0o777).toBe(0o600);
    expect(statSync(join(guest.root, `etc/ssh/ssh_host_${type}_key.pub`)).mode & 0o777).toBe(0o644);
  }
  expect(host.logged().match(/SSH host key SHA256:\S{43} \(/g)).toHaveLength(3);
  expect(guest.text("etc/ssh/ssh_host_ed25519_key.pub")).toMatch(/ root@web\.example\.com\n$/);
});

test("makes none for a guest without sshd", async () => {
  const guest = guestTree({ "etc/hostname": "" });
  await writeSshHostKeys(testHost(), guest.files, "web");
  expect(await guest.files.list("/etc/ssh")).toEqual([]);
});

function commandExists(name: string): boolean {
  try {
    execFileSync("sh", ["-c", `command -v ${name}`], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}

function keygen(...args: readonly string[]): string {
  return execFileSync("ssh-keygen", args, { encoding: "utf8" });
}
