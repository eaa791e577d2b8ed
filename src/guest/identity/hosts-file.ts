import type { RootedFiles } from "../../host/files/rooted-files.ts";
import { shortName } from "./host-name.ts";

/** What netbase installs, for a tree that has no /etc/hosts. */
const standard = `127.0.0.1\tlocalhost
::1\t\tlocalhost ip6-localhost ip6-loopback
ff02::1\t\tip6-allnodes
ff02::2\t\tip6-allrouters
`;

/**
 * Adds the guest's own lines to /etc/hosts: full and short name at each of `addresses`, or at 127.0.1.1 for a guest that
 * gets its address by DHCP (Debian policy, so that the name always resolves). Earlier lines for either are replaced.
 */
export async function writeHosts(files: RootedFiles, name: string, addresses: readonly string[] = []): Promise<void> {
  const text = (await files.read("/etc/hosts")) ?? standard;
  const [address = "127.0.1.1", ...others] = addresses;
  const lines = others.map((other) => hostLine(name, other));
  await files.write("/etc/hosts", [withHost(text, name, address), ...lines].join(""), { mode: 0o644 });
}

function hostLine(name: string, address: string): string {
  return `${address}\t${[...new Set([name, shortName(name)])].join(" ")}\n`;
}

/** `text` of a hosts file with one line for `name` at `address`, after the last one of localhost at 127.0.0.1. */
export function withHost(text: string, name: string, address: string): string {
  const names = new Set([name, shortName(name)]);
  const kept = text.split("\n").filter((line) => !isAbout(line, names, new Set([address, "127.0.1.1"])));
  const after = kept.findLastIndex((line) => /^\s*127\.0\.0\.1\s/.test(line)) + 1;
  const lines = [...kept.slice(0, after), `${address}\t${[...names].join(" ")}`, ...kept.slice(after)];
  return `${lines.join("\n").trimEnd()}\n`;
}

function isAbout(line: string, names: ReadonlySet<string>, addresses: ReadonlySet<string>): boolean {
  const [address, ...hosts] = line.replace(/#.*/, "").trim().split(/\s+/);
  if (address === undefined || hosts.includes("localhost")) return false;
  return addresses.has(address) || hosts.some((host) => names.has(host));
}
