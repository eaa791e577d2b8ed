import { createHash, generateKeyPair, type KeyObject, randomBytes } from "node:crypto";
import { promisify } from "node:util";

export type SshKeyType = "rsa" | "ecdsa" | "ed25519";

/** A key pair in the forms of sshd's and dropbear's files. */
export interface SshKey {
  /** Text of the private file. PEM for rsa and ecdsa, which sshd before 6.5 reads too. */
  readonly privateKey: string;
  /** The private file of dropbear, which reads no other. */
  readonly dropbearKey: Buffer;
  /** The line of the public file. */
  readonly publicKey: string;
  /** As `ssh-keygen -l` prints it. */
  readonly fingerprint: string;
}

const generatePair = promisify(generateKeyPair);

/** Makes a key pair with the sizes of ssh-keygen's defaults (RSA 3072 bits, ECDSA on P-256). `comment` is ASCII. */
export async function generateSshKey(type: SshKeyType, comment: string): Promise<SshKey> {
  switch (type) {
    case "rsa": {
      const { publicKey, privateKey } = await generatePair("rsa", { modulusLength: 3072 });
      const secret = (["d", "p", "q"] as const).map((name) => integer(parameter(privateKey, name)));
      const blob = rsaBlob(publicKey);
      return sshKey(blob, concat(blob, ...secret), pem(privateKey, "pkcs1"), comment);
    }
    case "ecdsa": {
      const { publicKey, privateKey } = await generatePair("ec", { namedCurve: "prime256v1" });
      const blob = ecdsaBlob(publicKey);
      return sshKey(blob, concat(blob, integer(parameter(privateKey, "d"))), pem(privateKey, "sec1"), comment);
    }
    case "ed25519": {
      const { publicKey, privateKey } = await generatePair("ed25519");
      const blob = concat(text("ssh-ed25519"), field(parameter(publicKey, "x")));
      const both = field(Buffer.concat([parameter(privateKey, "d"), parameter(publicKey, "x")]));
      return sshKey(blob, concat(text("ssh-ed25519"), both), opensshPrivateKey(privateKey, blob, comment), comment);
    }
  }
}

// Dropbear's: the public blob with the secret numbers behind it, of ed25519 both halves in one field; signkey.c, rsa.c,
// ecdsa.c and ed25519.c in its sources.
function sshKey(blob: Buffer, dropbearKey: Buffer, privateKey: string, comment: string): SshKey {
  const type = blob.subarray(4, 4 + blob.readUInt32BE()).toString();
  const digest = createHash("sha256").update(blob).digest("base64").replace(/=+$/, "");
  return {
    privateKey,
    dropbearKey,
    publicKey: `${type} ${blob.toString("base64")} ${comment}\n`,
    fingerprint: `SHA256:${digest} (${type})`,
  };
}

function pem(key: KeyObject, type: "pkcs1" | "sec1"): string {
  return key.export({ type, format: "pem" }).toString();
}

// Public key blobs: RFC 4253 section 6.6, RFC 5656 section 3.1, RFC 8709 section 4.
function rsaBlob(key: KeyObject): Buffer {
  return concat(text("ssh-rsa"), integer(parameter(key, "e")), integer(parameter(key, "n")));
}

function ecdsaBlob(key: KeyObject): Buffer {
  const point = Buffer.concat([Buffer.from([4]), parameter(key, "x"), parameter(key, "y")]);
  return concat(text("ecdsa-sha2-nistp256"), text("nistp256"), field(point));
}

// Format "openssh-key-v1", unencrypted: PROTOCOL.key in the OpenSSH sources. sshd reads ed25519 in no other form.
function opensshPrivateKey(key: KeyObject, blob: Buffer, comment: string): string {
  const check = randomBytes(4);
  const seed = parameter(key, "d");
  const secret = concat(
    Buffer.concat([check, check]),
    blob,
    field(Buffer.concat([seed, parameter(key, "x")])),
    text(comment),
  );
  const padding = Buffer.from(Array.from({ length: (8 - (secret.length % 8)) % 8 }, (_, index) => index + 1));
  const one = Buffer.from([0, 0, 0, 1]);
  const body = concat(
    Buffer.from("openssh-key-v1\0"),
    text("none"),
    text("none"),
    text(""),
    one,
    field(blob),
    field(concat(secret, padding)),
  );
  const lines = body.toString("base64").match(/.{1,70}/g) ?? [];
  return `-----BEGIN OPENSSH PRIVATE KEY-----\n${lines.join("\n")}\n-----END OPENSSH PRIVATE KEY-----\n`;
}

function parameter(key: KeyObject, name: "n" | "e" | "x" | "y" | "d" | "p" | "q"): Buffer {
  return Buffer.from(key.export({ format: "jwk" })[name] ?? "", "base64url");
}

function integer(bytes: Buffer): Buffer {
  return field((bytes[0] ?? 0) & 0x80 ? Buffer.concat([Buffer.from([0]), bytes]) : bytes);
}

function text(value: string): Buffer {
  return field(Buffer.from(value));
}

function field(bytes: Buffer): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(bytes.length);
  return Buffer.concat([length, bytes]);
}

function concat(...parts: readonly Buffer[]): Buffer {
  return Buffer.concat(parts);
}
