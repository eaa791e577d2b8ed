import { isIPv6 } from "node:net";
import {
  type AddressChange,
  addressesIn,
  canonicalAddress,
  isLocalAddress,
  liesIn,
  subnetsOf,
} from "../network/addresses.ts";
import type { ResolvedName } from "../network/name-lookup.ts";
import type { NetworkFile } from "../network/network-files.ts";
import { addressesOf, type NameChange } from "./names.ts";

/** All that is known about where the guest was and where it shall be. */
export interface AddressFacts {
  readonly names: NameChange;
  readonly oldName: ResolvedName;
  readonly newName: ResolvedName;
  /** NIC_n_IP, in order. */
  readonly nicAddresses: readonly string[];
  readonly network: readonly NetworkFile[];
  /** Text of the guest's hosts file. */
  readonly hosts: string;
}

/** What is to change, and what is left to the administrator, said in sentences. */
export interface AddressDecision {
  readonly changes: readonly AddressChange[];
  readonly left: readonly string[];
}

/**
 * Decides which addresses of the guest change, one family at a time. The old one is what the old name resolves to, or,
 * when it does not, what the guest's own hosts file says, or the guest's only static address; the new one is NIC_n_IP,
 * or what the new name resolves to. Nothing changes while both are the same, or when there is more than one answer.
 */
export function decideAddresses(facts: AddressFacts): AddressDecision {
  const decisions = (["ipv4", "ipv6"] as const).map((family) => decideFamily(facts, family));
  return {
    changes: decisions.flatMap(({ changes }) => changes),
    left: decisions.flatMap(({ left }) => left),
  };
}

type Family = keyof ResolvedName;

const nothing: AddressDecision = { changes: [], left: [] };

function decideFamily(facts: AddressFacts, family: Family): AddressDecision {
  const { names } = facts;
  const nics = facts.nicAddresses.flatMap((address) => canonicalAddress(address) ?? []).filter(isOf(family));
  const held = heldAddresses(facts, family, nics);
  const [from] = held;
  if (from === undefined) return nothing;
  const candidates = nics.length > 0 ? nics : facts.newName[family];
  if (candidates.some((address) => held.includes(address))) return staying(facts, family, from, nics);
  const [to] = candidates;
  if (to === undefined) {
    return names.oldName === names.newName ? nothing : left(`address ${from}: ${names.newName} resolves to none`);
  }
  if (held.length > 1) return left(`addresses ${held.join(", ")}: ${to} can replace only one of them`);
  if (nics.length === 0 && candidates.length > 1) {
    return left(`address ${from}: ${names.newName} resolves to ${candidates.join(", ")}`);
  }
  return { changes: [{ from, to }], left: outsideSubnet(facts.network, from, to) };
}

function staying(facts: AddressFacts, family: Family, from: string, nics: readonly string[]): AddressDecision {
  const [resolved] = facts.newName[family];
  if (nics.length === 0 || resolved === undefined || facts.newName[family].includes(from)) return nothing;
  return left(
    `address ${from}: ${facts.names.newName} resolves to ${resolved}, but Ganeti has ${from} for its interface`,
  );
}

function left(sentence: string): AddressDecision {
  return { changes: [], left: [sentence] };
}

// The old addresses that really stand in the guest.
function heldAddresses(facts: AddressFacts, family: Family, nics: readonly string[]): readonly string[] {
  const hostsAddresses = addressesOf(facts.hosts, facts.names.oldName).filter(
    (address) => isOf(family)(address) && !isLocalAddress(address),
  );
  const standing = new Set([...facts.network.flatMap(({ text }) => [...addressesIn(text)]), ...hostsAddresses]);
  const resolved = facts.oldName[family].filter((address) => standing.has(address));
  if (resolved.length > 0) return resolved;
  if (facts.oldName[family].length > 0) return [];
  if (hostsAddresses.length > 0) return [...new Set(hostsAddresses)];
  // With one interface in Ganeti and one address in the guest there is no doubt which is meant.
  const own = [...new Set(facts.network.flatMap(ownAddresses))].filter(isOf(family));
  return facts.nicAddresses.length === 1 && nics.length === 1 && own.length === 1 ? own : [];
}

// Addresses of the guest itself, not of its gateway or name servers.
function ownAddresses({ kind, text }: NetworkFile): readonly string[] {
  const patterns = {
    ifupdown: /^[ \t]*address[ \t]+([0-9A-Fa-f.:]+)/gm,
    networkd: /^[ \t]*Address[ \t]*=[ \t]*([0-9A-Fa-f.:]+)/gm,
    // Only an address of an interface has a prefix length, but for routes, which name a network.
    netplan: /^[^#\n]*?(?:addresses:[ \t]*\[[ \t]*|-[ \t]+)["']?([0-9A-Fa-f.:]+)\/\d+/gm,
  };
  return [...text.matchAll(patterns[kind])]
    .flatMap((match) => canonicalAddress(match[1] ?? "") ?? [])
    .filter((address) => !isLocalAddress(address));
}

function outsideSubnet(network: readonly NetworkFile[], from: string, to: string): readonly string[] {
  const subnets = [...new Set(network.flatMap(({ text }) => subnetsOf(text, from)))];
  return subnets
    .filter((subnet) => !/\/(?:32|128)$/.test(subnet) && !liesIn(to, subnet))
    .map((subnet) => `gateway and netmask: ${to} lies outside ${subnet}`);
}

function isOf(family: Family): (address: string) => boolean {
  return (address) => isIPv6(address) === (family === "ipv6");
}
