import { type AddressChange, canonicalAddress } from "../network/addresses.ts";
import { hostNameFor, shortName } from "../identity/host-name.ts";

/** The names of a rename, full as Ganeti has them. */
export interface NameChange {
  readonly oldName: string;
  readonly newName: string;
}

/** The name in a one-name file (hostname, mailname): its first line that is neither empty nor a comment. */
export function nameIn(text: string): string {
  return (
    text
      .split("\n")
      .map((line) => line.trim())
      .find((line) => line !== "" && !line.startsWith("#")) ?? ""
  );
}

/** What `name` becomes: the new full or short name for the old one, itself where it is new already, else undefined. */
export function renamed(name: string, { oldName, newName }: NameChange): string | undefined {
  const lower = name.toLowerCase();
  if (lower === oldName.toLowerCase()) return newName;
  if (lower === shortName(oldName).toLowerCase()) return shortName(newName);
  if (lower === newName.toLowerCase() || lower === shortName(newName).toLowerCase()) return name;
  return undefined;
}

/** `text` of a hostname file with its name changed, as {@link renameInNameFile}: to the short one where the full one is too long. */
export function renameInHostName(text: string, change: NameChange): string {
  return withName(text, hostNameFor(renamed(nameIn(text), change) ?? ""));
}

/** `text` of a one-name file with its name changed, or as it is when the name is another. */
export function renameInNameFile(text: string, change: NameChange): string {
  return withName(text, renamed(nameIn(text), change) ?? "");
}

function withName(text: string, to: string): string {
  if (to === "" || to === nameIn(text)) return text;
  return text.replace(
    /^([ \t]*)([^#\s].*?)([ \t\r]*)$/m,
    (_, before: string, __, after: string) => before + to + after,
  );
}

/**
 * `text` of a hosts file with names and addresses changed, each as a whole word. The short name changes only in lines
 * about this guest: with its full name, a changed address, a loopback address, or no full name at all; `web` beside
 * `web.example.net` is another machine.
 */
export function renameInHosts(text: string, names: NameChange, addresses: readonly AddressChange[]): string {
  return text
    .split("\n")
    .map((line) => {
      const [body = ""] = line.split("#", 1);
      return renameInHostsLine(body, names, addresses) + line.slice(body.length);
    })
    .join("\n");
}

function renameInHostsLine(body: string, names: NameChange, addresses: readonly AddressChange[]): string {
  const [address = "", ...hosts] = body.trim().split(/\s+/);
  const change = addresses.find(({ from }) => canonicalAddress(from) === canonicalAddress(address));
  const isOurs =
    change !== undefined || /^(?:127\.|::1$)/.test(address) || isAboutGuest(hosts, names.oldName.toLowerCase());
  let word = 0;
  return body.replace(/\S+/g, (found) => {
    if (word++ === 0) return change?.to ?? found;
    return renamedHost(found, names, isOurs);
  });
}

function isAboutGuest(hosts: readonly string[], oldName: string): boolean {
  return hosts.some((host) => host.toLowerCase() === oldName) || hosts.every((host) => !host.includes("."));
}

function renamedHost(host: string, { oldName, newName }: NameChange, isOurs: boolean): string {
  const lower = host.toLowerCase();
  if (lower === oldName.toLowerCase()) return newName;
  return isOurs && lower === shortName(oldName).toLowerCase() ? shortName(newName) : host;
}

/** The addresses of `name` in a hosts file, canonical. */
export function addressesOf(text: string, name: string): readonly string[] {
  return text.split("\n").flatMap((line) => {
    const [address = "", ...hosts] = line.replace(/#.*/, "").trim().split(/\s+/);
    return hosts.some((host) => host.toLowerCase() === name.toLowerCase()) ? (canonicalAddress(address) ?? []) : [];
  });
}
