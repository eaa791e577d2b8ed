/** What identified something before the import, and what does now. Only what differs. */
export interface Renaming {
  /** Filesystem UUIDs, partition UUIDs (PARTUUID), a disk's id. */
  readonly identifiers: readonly (readonly [before: string, after: string])[];
}

/** What a dump stream says nothing about, so that fstab is asked: the new root and swap. */
export interface NewDevices {
  readonly root?: { readonly uuid: string; readonly type: string };
  readonly swap?: { readonly uuid: string };
  /** Of the partition table, as udev writes it. */
  readonly tableId?: string | undefined;
}

/** An entry of fstab(5). */
export interface FstabEntry {
  readonly spec: string;
  readonly mountPoint: string;
  readonly type: string;
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

/** The entries of an fstab, in order. */
export function fstabEntries(text: string): readonly FstabEntry[] {
  return text.split("\n").flatMap((line) => entryOf(line) ?? []);
}

function entryOf(line: string): FstabEntry | undefined {
  if (/^\s*(#|$)/.test(line)) return undefined;
  const [spec, mountPoint, type] = line.trim().split(/\s+/);
  return spec === undefined || mountPoint === undefined || type === undefined ? undefined : { spec, mountPoint, type };
}

/** The root's entry, and the only swap's: with several it cannot be told which one is meant. */
export function rootEntry(entries: readonly FstabEntry[]): FstabEntry | undefined {
  return entries.find(({ mountPoint }) => mountPoint === "/");
}

/** See {@link rootEntry}. A swap file is none. */
export function swapEntry(entries: readonly FstabEntry[]): FstabEntry | undefined {
  const swaps = entries.filter(
    ({ type, spec }) => type === "swap" && (!spec.startsWith("/") || spec.startsWith("/dev/")),
  );
  return swaps.length === 1 ? swaps[0] : undefined;
}

/** The UUID or label in an fstab's first field: `UUID=x`, `"LABEL=y"`, `UUID="x"`, `/dev/disk/by-uuid/x`. */
export function specValue(spec: string): { readonly key: "uuid" | "label" | "other"; readonly value: string } {
  const plain = spec.replaceAll(/["']/g, "");
  const [, key, value] = /^(UUID|LABEL)=(.+)$/i.exec(plain) ?? /^\/dev\/disk\/by-(uuid|label)\/(.+)$/.exec(plain) ?? [];
  if (key === undefined || value === undefined) return { key: "other", value: plain };
  return { key: key.toLowerCase() === "uuid" ? "uuid" : "label", value };
}

/** An fstab with the root's and the swap's entry on their new devices; all else as it was, spaces included. */
export function rewriteFstab(text: string, { root, swap }: NewDevices): string {
  const entries = fstabEntries(text);
  const oldRoot = rootEntry(entries);
  const oldSwap = swapEntry(entries);
  return text
    .split("\n")
    .map((line) => {
      const entry = entryOf(line);
      if (entry === undefined) return line;
      if (root !== undefined && entry.spec === oldRoot?.spec) return onDevice(line, entry, root.uuid, root.type);
      if (swap !== undefined && entry.spec === oldSwap?.spec) return onDevice(line, entry, swap.uuid, entry.type);
      return line;
    })
    .join("\n");
}

// Fields are found again by their place, for a spec may hold anything.
function onDevice(line: string, { mountPoint, type }: FstabEntry, uuid: string, newType: string): string {
  const [, indent = "", , gap = " ", , gap2 = " ", , rest = ""] =
    /^(\s*)(\S+)(\s+)(\S+)(\s+)(\S+)(.*)$/s.exec(line) ?? [];
  const isExt = type === "auto" || /^ext[234]$/.test(type);
  return `${indent}UUID=${uuid}${gap}${mountPoint}${gap2}${mountPoint === "/" && isExt ? newType : type}${rest}`;
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
