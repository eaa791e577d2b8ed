import { mkdtemp, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { messageOf } from "../../host/errors.ts";
import type { Host } from "../../host/host.ts";
import type { RootedFiles } from "../../host/files/rooted-files.ts";
import { capture, run } from "../../host/process/run.ts";
import { runInTree } from "../tree/run-in-tree.ts";

/** What sshd uses where its settings name no HostKey; one before 6.5 ignores ed25519. With the sizes of today's ssh-keygen. */
const types = { rsa: ["-b", "3072"], ecdsa: ["-b", "256"], ed25519: [] } as const;

type KeyType = keyof typeof types;

const keyTypes = Object.keys(types) as readonly KeyType[];

/**
 * Gives a new guest SSH host keys of its own, where openssh-server or dropbear is there, and logs their fingerprints so
 * that the first login can be verified. Neither server, as Debian has them, makes any when it starts. No private key
 * ever lies on the node's disk.
 */
export async function writeSshHostKeys(host: Host, files: RootedFiles, name: string): Promise<void> {
  if (await files.exists("/usr/sbin/sshd")) await writeOpensshKeys(host, files, name);
  if (await files.exists("/usr/sbin/dropbear")) await writeDropbearKeys(host, files);
}

// In a directory of the guest's own filesystem; from there through `files`, because /etc/ssh of an administrator's tree
// may be a link.
async function writeOpensshKeys(host: Host, files: RootedFiles, name: string): Promise<void> {
  const scratch = await mkdtemp(join(files.root, ".ssh-host-keys-"));
  try {
    await Promise.all(keyTypes.map((type) => generate(host, type, join(scratch, type), `root@${name}`)));
    for (const type of keyTypes) {
      const file = join(scratch, type);
      await files.write(`/etc/ssh/ssh_host_${type}_key`, await readFile(file), { mode: 0o600 });
      await files.write(`/etc/ssh/ssh_host_${type}_key.pub`, await readFile(`${file}.pub`), { mode: 0o644 });
      host.log.info(`SSH host key ${fingerprint(await capture(host, ["ssh-keygen", "-l", "-f", `${file}.pub`]))}`);
    }
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

// PEM for rsa and ecdsa, which sshd before 6.5 reads too; ed25519 has no such form.
async function generate(host: Host, type: KeyType, file: string, comment: string): Promise<void> {
  const form = type === "ed25519" ? [] : ["-m", "PEM"];
  await run(host, ["ssh-keygen", "-q", "-N", "", "-t", type, ...types[type], ...form, "-C", comment, "-f", file]);
}

// `3072 SHA256:... root@web (RSA)`.
function fingerprint(line: string): string {
  const [, digest = "", ...rest] = line.trim().split(" ");
  return `${digest} ${rest.at(-1) ?? ""}`;
}

// Newer versions leave a file for the public key beside it, with the node's name in it.
const dropbearScript = `
file=/etc/dropbear/dropbear_$1_host_key
mkdir -p /etc/dropbear
rm -f "$file" "$file.pub"
dropbearkey -t "$@" -f "$file"
rm -f "$file.pub"
chmod 600 "$file"`;

// By the guest's own dropbearkey: dropbear reads no other form. An old one does not know every type.
async function writeDropbearKeys(host: Host, files: RootedFiles): Promise<void> {
  for (const type of keyTypes) {
    try {
      const size = type === "rsa" ? ["-s", "3072"] : [];
      const said = await runInTree(host, files.root, dropbearScript, [type, ...size]);
      const digest = /^Fingerprint: (.+)$/m.exec(said)?.[1];
      if (digest !== undefined) host.log.info(`dropbear host key ${digest} (${type})`);
    } catch (error) {
      if (host.signal.aborted) throw error;
      host.log.warn(`the guest has no ${type} host key for dropbear: ${messageOf(error)}`);
    }
  }
}
