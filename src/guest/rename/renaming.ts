import { KnownError } from "../../host/errors.ts";
import type { Host } from "../../host/host.ts";
import { printable } from "../../host/printable.ts";
import type { FileEdit, RootedFiles } from "../../host/files/rooted-files.ts";
import { type AddressChange, changeAddresses } from "../network/addresses.ts";
import { decideAddresses } from "./address-change.ts";
import { shortName, warnOfLongName } from "../identity/host-name.ts";
import { lookUp } from "../network/name-lookup.ts";
import type { Rerendering } from "../network/render-again.ts";
import { editedByUs } from "../network/renderers/rendered.ts";
import { type NetworkFile, readNetworkFiles } from "../network/network-files.ts";
import { nameIn, type NameChange, renamed, renameInHostName, renameInHosts, renameInNameFile } from "./names.ts";

/** All that a rename will do, found out before anything is written. */
export interface Renaming {
  /** In the order to be written; the hostname last, so that a rename that was cut short can be repeated. */
  readonly files: readonly FileEdit[];
  readonly addresses: readonly AddressChange[];
  /** What stays the administrator's, in sentences. */
  readonly left: readonly string[];
}

/**
 * Plans the rename of a guest: its hostname, mailname, hosts file and static addresses. Throws KnownError when its
 * hostname was changed by hand, or is in no regular file.
 */
export async function planRenaming(
  host: Host,
  files: RootedFiles,
  names: NameChange,
  nicAddresses: readonly string[],
  rendering: Pick<Rerendering, "edits" | "removed" | "left"> = { edits: [], removed: [], left: [] },
): Promise<Renaming> {
  // After an import Ganeti renames an instance to its own name: then only its address may be another.
  const hostname = names.oldName === names.newName ? "" : await checkedHostname(files, names);
  const optional = await readOptional(files, ["/etc/mailname", "/etc/hosts"]);
  const network = await readNetworkFiles(files);
  const hosts = optional.texts.get("/etc/hosts") ?? "";
  const [oldName, newName] = await Promise.all([lookUp(host, names.oldName), lookUp(host, names.newName)]);
  const { changes: addresses, left } = decideAddresses({
    names,
    oldName,
    newName,
    nicAddresses,
    network: network.files,
    hosts,
  });
  if (names.oldName !== names.newName) warnOfLongName(host, names.newName);
  const rendered = [...rendering.edits.map(({ path }) => path), ...rendering.removed];
  const isOthers = ({ path }: NetworkFile): boolean => !rendered.includes(path);
  const changes = [
    ...network.files.filter(isOthers).map((file) => networkChange(file, addresses)),
    { path: "/etc/hosts", text: hosts, change: (text: string) => renameInHosts(text, names, addresses) },
    {
      path: "/etc/mailname",
      text: optional.texts.get("/etc/mailname") ?? "",
      change: (text: string) => renameInNameFile(text, names),
    },
    { path: "/etc/hostname", text: hostname, change: (text: string) => renameInHostName(text, names) },
  ];
  return {
    files: [...rendering.edits, ...changes.filter(({ text, change }) => change(text) !== text)],
    addresses,
    left: [
      ...left,
      ...rendering.left,
      ...optional.unreadable,
      ...network.unreadable,
      ...customMailName(optional.texts, names),
    ],
  };
}

interface PlannedChange extends FileEdit {
  readonly text: string;
  readonly change: (text: string) => string;
}

function networkChange({ path, text }: NetworkFile, addresses: readonly AddressChange[]): PlannedChange {
  // One that this product wrote stays known for its own.
  return { path, text, change: (now) => editedByUs(now, (body) => changeAddresses(body, addresses)) };
}

// A name that is neither the old nor the new one was chosen inside the guest: somebody relies on it.
async function checkedHostname(files: RootedFiles, names: NameChange): Promise<string> {
  const { oldName, newName } = names;
  const text = (await files.readBytes("/etc/hostname", { maxBytes: 4096 }))?.toString("latin1");
  const name = nameIn(text ?? "");
  if (text !== undefined && renamed(name, names) !== undefined) return text;
  const found = text === undefined ? "has no /etc/hostname" : `calls itself "${printable(name)}"`;
  throw new KnownError(
    `cannot rename ${oldName} to ${newName} inside the guest: it ${found}, not ${oldName} or ${shortName(oldName)}; nothing in it was changed`,
    { hint: `if the guest is to be called ${newName}, set that in its /etc/hostname, /etc/mailname and /etc/hosts` },
  );
}

interface OptionalFiles {
  readonly texts: ReadonlyMap<string, string>;
  readonly unreadable: readonly string[];
}

async function readOptional(files: RootedFiles, paths: readonly string[]): Promise<OptionalFiles> {
  const texts = new Map<string, string>();
  const unreadable: string[] = [];
  for (const path of paths) {
    try {
      const text = (await files.readBytes(path))?.toString("latin1");
      if (text !== undefined) texts.set(path, text);
    } catch (error) {
      if (!(error instanceof KnownError)) throw error;
      unreadable.push(error.message);
    }
  }
  return { texts, unreadable };
}

function customMailName(texts: ReadonlyMap<string, string>, names: NameChange): readonly string[] {
  const name = nameIn(texts.get("/etc/mailname") ?? "");
  if (name === "" || renamed(name, names) !== undefined) return [];
  return [`/etc/mailname: it is "${printable(name)}"`];
}
