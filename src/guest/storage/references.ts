import type { NewFilesystems } from "./fstab.ts";

/** What identified something before the import, and what does now. Only what differs. */
export interface Renaming {
  /** Filesystem UUIDs, partition UUIDs (PARTUUID), a disk's id. */
  readonly identifiers: readonly (readonly [before: string, after: string])[];
}

/** What a dump stream says nothing about, so that fstab is asked: the new root and swap. */
export interface NewDevices extends NewFilesystems {
  /** Of the partition table, as udev writes it. */
  readonly tableId?: string | undefined;
}

/** `text` with every identifier replaced, in any case of letters, where it stands alone: in fstab, quoted, in a path. */
export function replaceIdentifiers(text: string, { identifiers }: Renaming): string {
  return identifiers.reduce((result, [before, after]) => result.replaceAll(standingAlone(before), after), text);
}

function standingAlone(identifier: string): RegExp {
  return new RegExp(`(?<![0-9a-zA-Z-])${escaped(identifier)}(?![0-9a-zA-Z-])`, "gi");
}

function escaped(text: string): string {
  return text.replaceAll(/[.*+?^${}()|[\]\\/]/g, String.raw`\$&`);
}

/** A boot loader's configuration with the kernel's `root=` and `resume=` on the new devices. */
export function rewriteKernelArguments(text: string, before: NewDevicesBefore, after: NewDevices): string {
  const root =
    before.root === undefined || after.root === undefined
      ? text
      : replaceArgument(text, "root", before.root, after.root.uuid);
  return before.swap === undefined || after.swap === undefined
    ? root
    : replaceArgument(root, "resume", before.swap, after.swap.uuid);
}

/** The devices as fstab named them. */
export interface NewDevicesBefore {
  readonly root: string | undefined;
  readonly swap: string | undefined;
}

// The kernel itself knows root=UUID= only with an initramfs; a configuration without one keeps its device name.
function replaceArgument(text: string, name: string, before: string, uuid: string): string {
  const spec = escaped(before.replaceAll(/["']/g, ""));
  const argument = new RegExp(`(?<![\\w=.-])(${name}=)("?)${spec}\\2(?![\\w/=-])`, "gi");
  const isDevice = before.startsWith("/dev/") && !before.startsWith("/dev/disk/");
  if (isDevice && !/\binitrd/i.test(text)) return text;
  return text.replaceAll(argument, `$1$2UUID=${uuid}$2`);
}
