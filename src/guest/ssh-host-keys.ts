import type { Host } from "../host/host.ts";
import type { RootedFiles } from "../host/rooted-files.ts";
import { generateSshKey, type SshKeyType } from "./ssh-key.ts";

/** What sshd uses where its settings name no HostKey; one before 6.5 ignores ed25519. */
const types: readonly SshKeyType[] = ["rsa", "ecdsa", "ed25519"];

/**
 * Gives a new guest SSH host keys of its own, where openssh-server is there, and logs their fingerprints so that the
 * first login can be verified. Made here, without a program of the guest or a private key on the node's disk; Debian's
 * sshd makes none when it starts.
 */
export async function writeSshHostKeys(host: Host, files: RootedFiles, name: string): Promise<void> {
  if (!(await files.exists("/usr/sbin/sshd"))) return;
  const keys = await Promise.all(types.map((type) => generateSshKey(type, `root@${name}`)));
  for (const [index, key] of keys.entries()) {
    const file = `/etc/ssh/ssh_host_${types[index] ?? ""}_key`;
    await files.write(file, key.privateKey, { mode: 0o600 });
    await files.write(`${file}.pub`, key.publicKey, { mode: 0o644 });
    host.log.info(`SSH host key ${key.fingerprint}`);
  }
}
