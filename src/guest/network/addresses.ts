import { BlockList, isIP, isIPv4, isIPv6 } from "node:net";

/** An address that is to stand where another one does; both of one family. */
export interface AddressChange {
  readonly from: string;
  readonly to: string;
}

/** One form for each address, so that `2001:DB8:0::1` and `2001:db8::1` are equal; undefined for what is none. */
export function canonicalAddress(text: string): string | undefined {
  if (isIPv4(text)) return text;
  if (!isIPv6(text) || text.includes("%")) return undefined;
  return new URL(`http://[${text}]`).hostname.slice(1, -1);
}

/** Whether `address` means a machine only to itself: loopback, unspecified, link-local, or IPv4 in IPv6 clothes. */
export function isLocalAddress(address: string): boolean {
  return /^(?:127\.|0\.|169\.254\.|::1?$|fe[89ab][0-9a-f]:|::ffff:)/i.test(address);
}

// A whole word of the characters addresses are made of: no part of a longer address, a name or a number. A prefix
// length may follow.
const word = /(?<![\w.:%-])[0-9A-Fa-f.:]+(?![\w.:%-])/g;

/** The addresses in `text` outside of comment lines, in canonical form. */
export function addressesIn(text: string): ReadonlySet<string> {
  const words = codeLines(text).flatMap((line) => line.match(word) ?? []);
  return new Set(words.flatMap((found) => canonicalAddress(found) ?? []));
}

/** `text` with each address changed wherever it stands as a whole; prefix lengths, comment lines and all else stay. */
export function changeAddresses(text: string, changes: readonly AddressChange[]): string {
  if (changes.length === 0) return text;
  const targets = new Map(changes.map(({ from, to }) => [canonicalAddress(from), to]));
  return text
    .split("\n")
    .map((line) => (isComment(line) ? line : line.replace(word, (found) => targetOf(targets, found) ?? found)))
    .join("\n");
}

function targetOf(targets: ReadonlyMap<string | undefined, string>, found: string): string | undefined {
  const address = canonicalAddress(found);
  return address === undefined ? undefined : targets.get(address);
}

/** A guest's file could hold an address any number of times, each to be looked at with its surroundings. */
const maxOccurrences = 20;

/** The subnets, as `192.0.2.0/24`, that `text` puts `address` into: by prefix length, or by ifupdown's netmask. */
export function subnetsOf(text: string, address: string): readonly string[] {
  const canonical = canonicalAddress(address);
  const lines = codeLines(text);
  const prefixes = new Set<number>();
  let occurrences = 0;
  for (const [at, line] of lines.entries()) {
    for (const { 0: found, index } of line.matchAll(new RegExp(word, "g"))) {
      if (canonicalAddress(found) !== canonical || ++occurrences > maxOccurrences) continue;
      const prefix = /^\/(\d{1,3})/.exec(line.slice(index + found.length))?.[1];
      for (const length of prefix === undefined ? netmaskAround(lines, at) : [Number(prefix)]) prefixes.add(length);
    }
  }
  return [...prefixes].map((prefix) => `${address}/${String(prefix)}`);
}

/** Whether `address` lies in `subnet`, given as an address of it and its prefix length. */
export function liesIn(address: string, subnet: string): boolean {
  const [net = "", prefix = ""] = subnet.split("/");
  const family = isIP(net) === 6 ? "ipv6" : "ipv4";
  if (Number(prefix) > (family === "ipv6" ? 128 : 32)) return false;
  const list = new BlockList();
  list.addSubnet(net, Number(prefix), family);
  return list.check(address, family);
}

// ifupdown: the netmask of the same stanza, dotted or a prefix length.
function netmaskAround(lines: readonly string[], at: number): readonly number[] {
  const isHead = (line: string): boolean => /^\s*(?:iface|auto|allow-|mapping|source)/.test(line);
  const before = lines.slice(0, at).reverse();
  const after = lines.slice(at + 1);
  const stanza = [before, after].flatMap((part) => {
    const end = part.findIndex(isHead);
    return end < 0 ? part : part.slice(0, end);
  });
  const mask = stanza.flatMap((line) => /^\s*netmask\s+(\S+)\s*$/.exec(line)?.[1] ?? [])[0];
  if (mask === undefined) return [];
  return [/^\d+$/.test(mask) ? Number(mask) : maskLength(mask)];
}

function maskLength(mask: string): number {
  return mask.split(".").reduce((sum, part) => sum + Number(part).toString(2).replaceAll("0", "").length, 0);
}

function codeLines(text: string): readonly string[] {
  return text.split("\n").filter((line) => !isComment(line));
}

function isComment(line: string): boolean {
  return /^\s*[#;]/.test(line);
}
