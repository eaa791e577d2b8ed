import { familyOf, isFilesystemType } from "../../filesystems/families.ts";
import type { RootedFiles } from "../../host/files/rooted-files.ts";
import type { FilesystemId, InstalledGuest, MountedById } from "../tree/installed-guest.ts";

const path = "/etc/fstab";

/** What a new guest's fstab lists. */
export type Filesystems = Pick<InstalledGuest, "filesystem" | "swap" | "dataDisks">;

/** A line to be written: the fields of fstab(5), without dump. */
export interface FstabLine {
  readonly spec: string;
  readonly mountPoint: string;
  readonly type: string;
  readonly options: string;
  /** Order of the checks at boot; 0: none. */
  readonly pass: number;
}

/** An entry as it was read. */
export type FstabEntry = Pick<FstabLine, "spec" | "mountPoint" | "type">;

/** The new device of an entry, and its type. */
export interface NewFilesystems {
  readonly root?: FilesystemId;
  readonly swap?: { readonly uuid: string };
}

const head = `# /etc/fstab: static file system information.
#
# <file system> <mount point> <type> <options> <dump> <pass>
`;

/** Writes /etc/fstab anew: by UUID, because a disk has other names on another bus, hypervisor or node. */
export async function writeFstab(files: RootedFiles, filesystems: Filesystems): Promise<void> {
  await files.write(path, fstab(filesystems), { mode: 0o644 });
}

/** Adds an entry to the end of /etc/fstab. */
export async function addToFstab(files: RootedFiles, entry: FstabLine): Promise<void> {
  const text = (await files.read(path)) ?? "";
  const kept = text === "" || text.endsWith("\n") ? text : `${text}\n`;
  await files.write(path, `${kept}${written(entry)}`, { mode: 0o644 });
}

/** The text of a new guest's fstab. */
export function fstab({ filesystem, swap, dataDisks }: Filesystems): string {
  const lines: readonly FstabLine[] = [
    { ...byUuid({ ...filesystem, mountPoint: "/" }), pass: passOf(filesystem.type, true) },
    { spec: "proc", mountPoint: "/proc", type: "proc", options: "defaults", pass: 0 },
    ...dataDisks.map((disk) => ({ ...byUuid(disk), pass: passOf(disk.type, false) })),
    ...(swap === undefined
      ? []
      : [{ ...byUuid({ ...swap, mountPoint: "none", type: "swap", options: "sw" }), pass: 0 }]),
  ];
  return `${head}${lines.map(written).join("")}`;
}

function byUuid({ uuid, mountPoint, type, options = "defaults" }: MountedById): Omit<FstabLine, "pass"> {
  return { spec: `UUID=${uuid}`, mountPoint, type, options };
}

function written({ spec, mountPoint, type, options, pass }: FstabLine): string {
  return `${[spec, mountPoint, type, options, "0", String(pass)].join(" ")}\n`;
}

function passOf(type: string, isRoot: boolean): number {
  const isChecked = isFilesystemType(type) ? familyOf(type).checkedAtBoot : /^v?fat$/.test(type);
  if (!isChecked) return 0;
  return isRoot ? 1 : 2;
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

/** The root's entry. */
export function rootEntry(entries: readonly FstabEntry[]): FstabEntry | undefined {
  return entries.find(({ mountPoint }) => mountPoint === "/");
}

/** The only swap's entry: with several it cannot be told which one is meant. A swap file is none. */
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
export function rewriteFstab(text: string, { root, swap }: NewFilesystems): string {
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
  // The old type is the one that was dumped.
  const wasRoots = type === "auto" || (isFilesystemType(type) && familyOf(type).readByDump);
  return `${indent}UUID=${uuid}${gap}${mountPoint}${gap2}${mountPoint === "/" && wasRoots ? newType : type}${rest}`;
}
