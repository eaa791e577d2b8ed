import type { Host } from "../../host/host.ts";
import type { RootedFiles } from "../../host/rooted-files.ts";
import { generateSshKey, type SshKeyType } from "./ssh-key.ts";

/** What sshd uses where its settings name no HostKey; one before 6.5 ignores ed25519. */
const types: readonly SshKeyType[] = ["rsa", "ecdsa", "ed25519"];

/**
 * Gives a new guest SSH host keys of its own, where openssh-server or dropbear is there, and logs their fingerprints so
 * that the first login can be verified. Made here, without a program of the guest or a private key on the node's disk;
 * neither server, as Debian has them, makes any when it starts.
 */
export async function writeSshHostKeys(host: Host, files: RootedFiles, name: string): Promise<void> {
  const [sshd, dropbear] = [await files.exists("/usr/sbin/sshd"), await files.exists("/usr/sbin/dropbear")];
  if (!sshd && !dropbear) return;
  const keys = await Promise.all(
    types.map(async (type) => ({ type, ...(await generateSshKey(type, `root@${name}`)) })),
  );
  for (const { type, privateKey, publicKey, dropbearKey, fingerprint } of keys) {
    if (sshd) {
      await files.write(`/etc/ssh/ssh_host_${type}_key`, privateKey, { mode: 0o600 });
      await files.write(`/etc/ssh/ssh_host_${type}_key.pub`, publicKey, { mode: 0o644 });
    }
    if (dropbear) await files.write(`/etc/dropbear/dropbear_${type}_host_key`, dropbearKey, { mode: 0o600 });
    host.log.info(`SSH host key ${fingerprint}`);
  }
}
