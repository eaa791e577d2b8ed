import { isIP } from "node:net";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { ifThere } from "../../host/files/absent.ts";
import type { Host } from "../../host/host.ts";
import type { RootedFiles } from "../../host/files/rooted-files.ts";
import { parseAddress } from "../../settings/addresses.ts";

/** Where a node keeps its real name servers; the later ones when the first names only a resolver of the node's own. */
const sources = [
  "/etc/resolv.conf",
  "/run/systemd/resolve/resolv.conf",
  "/run/NetworkManager/no-stub-resolv.conf",
  "/run/dnsmasq/resolv.conf",
];

/** Name servers and search domains that were asked for; what is empty is the node's. */
export interface WantedDns {
  readonly nameservers: readonly string[];
  readonly search: readonly string[];
}

/**
 * Gives the guest the name servers and search domains of `wanted`, and where it has none the node's. Through a link
 * (systemd-resolved's, resolvconf's) it is written to where the link leads inside the guest: the link stays, the guest's
 * own resolver replaces the file when it starts, and until then hooks can resolve names in a chroot. `nodeRoot` is for tests.
 */
export async function writeResolver(
  host: Host,
  files: RootedFiles,
  nodeRoot = "/",
  wanted: WantedDns = { nameservers: [], search: [] },
): Promise<void> {
  const node = await nodeResolver(nodeRoot);
  if (node === undefined && wanted.nameservers.length === 0) {
    host.log.warn("the node's resolv.conf names no server that a guest could reach: the guest's has none");
  }
  await files.write("/etc/resolv.conf", resolverText(node ?? "", wanted), { mode: 0o644 });
}

/** `node`, the text of a resolv.conf, with what `wanted` has in place of its own. */
export function resolverText(node: string, { nameservers, search }: WantedDns): string {
  const kept = node
    .split("\n")
    .filter((line) => search.length === 0 || !/^(?:search|domain)\s/.test(line))
    .filter((line) => nameservers.length === 0 || !line.startsWith("nameserver"))
    .join("\n");
  return [
    ...(search.length === 0 ? [] : [`search ${search.join(" ")}\n`]),
    kept,
    ...nameservers.map((server) => `nameserver ${server}\n`),
  ].join("");
}

/** What the node's own resolver names that a guest could use as well. */
export async function nodeDns(nodeRoot = "/"): Promise<WantedDns> {
  const lines = ((await nodeResolver(nodeRoot)) ?? "").split("\n").map((line) => line.split(/\s+/));
  const valuesOf = (...keys: readonly string[]): readonly string[] =>
    lines.flatMap(([key = "", ...values]) => (keys.includes(key) ? values : []));
  return {
    nameservers: valuesOf("nameserver").flatMap((server) => parseAddress(server) ?? []),
    search: valuesOf("search", "domain").filter((domain) => /^[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?$/.test(domain)),
  };
}

async function nodeResolver(nodeRoot: string): Promise<string | undefined> {
  for (const source of sources) {
    const text = reachable((await ifThere(readFile(join(nodeRoot, source), "utf8"))) ?? "");
    if (text !== undefined) return text;
  }
  return undefined;
}

/**
 * `text` of a resolv.conf as it may be used on another machine: without servers on a loopback address (a stub such as
 * 127.0.0.53 or ::1) or on an interface of the node (fe80::1%eth0), without `trust-ad`, which vouches for a local
 * server, and without comments. Undefined when no server is left. The search list stays: guests use their node's domain.
 */
export function reachable(text: string): string | undefined {
  const lines = text.split("\n").map((line) => line.replace(/[#;].*/, "").trim());
  const servers = lines.filter(isReachableServer);
  if (servers.length === 0) return undefined;
  const others = lines.flatMap(keptSetting);
  return [...others, ...servers].map((line) => `${line}\n`).join("");
}

function isReachableServer(line: string): boolean {
  const address = /^nameserver\s+(\S+)$/.exec(line)?.[1];
  if (address === undefined || isIP(address) === 0 || address.includes("%")) return false;
  return !/^(?:127\.|0\.0\.0\.0$|::1$|::$|::ffff:127\.)/i.test(address);
}

function keptSetting(line: string): readonly string[] {
  const [key, ...values] = line.split(/\s+/);
  if (key === "search" || key === "domain") return values.some((value) => value !== ".") ? [line] : [];
  if (key !== "options") return [];
  const options = values.filter((value) => value !== "trust-ad");
  return options.length === 0 ? [] : [`options ${options.join(" ")}`];
}
