import type { Host } from "../../host/host.ts";
import { messageOf } from "../../host/errors.ts";
import type { RootedFiles } from "../../host/files/rooted-files.ts";
import { bootDiskRules, withTableId } from "./boot-disk.ts";
import { fstabEntries, rewriteFstab, rootEntry, specValue, swapEntry } from "./fstab.ts";
import { type NewDevices, replaceIdentifiers, type Renaming, rewriteKernelArguments } from "./references.ts";

const fstab = "/etc/fstab";

// Where Debian, Ubuntu and their boot loaders name filesystems. Of directories, every file.
const files = [
  fstab,
  "/etc/crypttab",
  "/etc/default/grub",
  "/etc/kernel/cmdline",
  bootDiskRules,
  "/boot/grub/grub.cfg",
  "/boot/grub/menu.lst",
  "/boot/grub/grub.conf",
  "/boot/grub2/grub.cfg",
  "/boot/extlinux/extlinux.conf",
  "/boot/extlinux/linux.cfg",
  "/boot/extlinux.conf",
  "/extlinux.conf",
  "/boot/syslinux/syslinux.cfg",
];
const directories = [
  "/etc/initramfs-tools/conf.d",
  "/etc/default/grub.d",
  "/boot/loader/entries",
  "/boot/efi/loader/entries",
];
const limit = { maxBytes: 4 * 1024 * 1024 };

/** Rewrites every reference to a changed identifier. What cannot be edited is a warning: the tree itself is whole. */
export async function rewriteIdentifiers(host: Host, guest: RootedFiles, renaming: Renaming): Promise<void> {
  if (renaming.identifiers.length === 0) return;
  await editAll(host, guest, (text) => replaceIdentifiers(text, renaming));
}

/**
 * Puts a guest that came without identifiers of its old disks (a dump stream, an API 5 swap) onto its new devices: what
 * fstab named as root and swap is what everything else named too.
 */
export async function rewriteDevices(host: Host, guest: RootedFiles, devices: NewDevices): Promise<void> {
  const text = await readFstab(host, guest);
  const entries = fstabEntries(text ?? "");
  const before = { root: rootEntry(entries)?.spec, swap: swapEntry(entries)?.spec };
  const identifiers = [...renamed(before.root, devices.root?.uuid), ...renamed(before.swap, devices.swap?.uuid)];
  await edit(host, guest, fstab, (old) => rewriteFstab(old, devices));
  const { tableId } = devices;
  if (tableId !== undefined) await edit(host, guest, bootDiskRules, (old) => withTableId(old, tableId));
  await editAll(host, guest, (old) => {
    return replaceIdentifiers(rewriteKernelArguments(rewriteResume(old, before.swap, devices.swap), before, devices), {
      identifiers,
    });
  });
}

/** What the guest's fstab says about its only swap: to make it again with the same UUID or label. */
export async function readSwapIdentity(
  host: Host,
  guest: RootedFiles,
): Promise<{ readonly uuid?: string; readonly label?: string }> {
  const entry = swapEntry(fstabEntries((await readFstab(host, guest)) ?? ""));
  if (entry === undefined) return {};
  const { key, value } = specValue(entry.spec);
  if (key === "uuid" && /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(value))
    return { uuid: value.toLowerCase() };
  return key === "label" && /^[\w.-]{1,15}$/.test(value) ? { label: value } : {};
}

/** Removes the rules by which old udev versions gave interfaces names by their MAC address, which is another now. */
export async function removeNetworkRules(host: Host, guest: RootedFiles): Promise<void> {
  try {
    for (const name of await guest.list(rulesDirectory)) {
      if (isNetworkRules(name)) await guest.remove(`${rulesDirectory}/${name}`);
    }
  } catch (error) {
    host.log.warn(`old network rules may be left: ${messageOf(error)}`);
  }
}

/** Where udev keeps rules. */
export const rulesDirectory = "/etc/udev/rules.d";

/** Whether a file of {@link rulesDirectory} binds the names of network devices to their old addresses. */
export function isNetworkRules(name: string): boolean {
  return /^(z\d*_|\d+-)persistent-net\.rules$/.test(name);
}

function renamed(spec: string | undefined, uuid: string | undefined): readonly (readonly [string, string])[] {
  if (spec === undefined || uuid === undefined) return [];
  const { key, value } = specValue(spec);
  return key === "uuid" && value.toLowerCase() !== uuid.toLowerCase() ? [[value, uuid]] : [];
}

// RESUME=/dev/sdb of initramfs-tools; by UUID it is an identifier.
function rewriteResume(text: string, before: string | undefined, swap: NewDevices["swap"]): string {
  if (before === undefined || swap === undefined) return text;
  return text.replaceAll(/^(\s*RESUME=)(["']?)([^"'\s]+)\2/gm, (line, name: string, quote: string, spec: string) =>
    spec === before.replaceAll(/["']/g, "") ? `${name}${quote}UUID=${swap.uuid}${quote}` : line,
  );
}

async function editAll(host: Host, guest: RootedFiles, change: (text: string) => string): Promise<void> {
  for (const file of files) await edit(host, guest, file, change);
  for (const directory of directories) {
    for (const name of await listed(host, guest, directory)) await edit(host, guest, `${directory}/${name}`, change);
  }
}

async function edit(host: Host, guest: RootedFiles, file: string, change: (text: string) => string): Promise<void> {
  try {
    if (await guest.edit(file, change, limit)) host.log.info(`rewrote the references to disks in ${file}`);
  } catch (error) {
    host.log.warn(`${file} is left as it is: ${messageOf(error)}`);
  }
}

async function listed(host: Host, guest: RootedFiles, directory: string): Promise<readonly string[]> {
  try {
    return (await guest.list(directory)).slice(0, 100);
  } catch (error) {
    host.log.debug(`${directory} is left as it is: ${messageOf(error)}`);
    return [];
  }
}

async function readFstab(host: Host, guest: RootedFiles): Promise<string | undefined> {
  try {
    return await guest.read(fstab);
  } catch (error) {
    host.log.warn(`fstab cannot be read: ${messageOf(error)}`);
    return undefined;
  }
}
