import { open } from "node:fs/promises";
import { ReleaseStack, type Owned } from "../../host/disposal.ts";
import { compareDebVersions } from "./deb-version.ts";
import { field } from "../tree/dpkg-status.ts";

/** A package as an archive's Packages index lists it (deb-control(5) paragraph). */
export interface ArchivePackage {
  readonly name: string;
  readonly version: string;
  readonly arch: string;
  /** Names in Depends and Pre-Depends, of alternatives the first. */
  readonly depends: readonly string[];
  readonly filename: string;
  /** Bytes of the .deb. */
  readonly size: number;
  readonly sha256: string;
  /** The paragraph as it is, without the empty line behind it. */
  readonly paragraph: string;
}

/** A Packages index on disk. Of its tens of megabytes only names and places are kept in memory. */
export interface PackagesIndex {
  /** Names of the packages of priority required or important: every system of the suite has them. */
  readonly base: readonly string[];
  /** The package of this name; of several versions the newest, of several paragraphs with it the first. */
  find(name: string): Promise<ArchivePackage | undefined>;
}

interface Place {
  readonly start: number;
  readonly length: number;
  readonly version: string;
  readonly isBase: boolean;
}

const chunkBytes = 1024 * 1024;
const nameBytes = "Package: ".length;
const newline = 0x0a;
const priorityField = "\nPriority: ";
const versionField = "\nVersion: ";

/** Opens the uncompressed Packages index at `path`; the file stays open until it is released. */
export async function openPackagesIndex(path: string): Promise<PackagesIndex & Owned> {
  await using stack = new ReleaseStack();
  const file = await open(path, "r");
  stack.defer(() => file.close());
  const places = new Map<string, Place>();
  const take = (buffer: Buffer, from: number, to: number, offset: number): void => {
    if (buffer.toString("latin1", from, from + nameBytes) !== "Package: ") return;
    // Copied, not sliced from the text: a slice would keep all of it in memory.
    const name = buffer.toString("latin1", from + nameBytes, buffer.indexOf(newline, from));
    const version = fieldIn(buffer, from, to, versionField);
    const known = places.get(name);
    if (known !== undefined && compareDebVersions(known.version, version) >= 0) return;
    places.set(name, { start: offset + from, length: to - from, version, isBase: isBase(buffer, from, to) });
  };
  let kept = Buffer.alloc(0);
  for (let offset = 0; ;) {
    const chunk = Buffer.allocUnsafe(chunkBytes);
    const { bytesRead } = await file.read(chunk, 0, chunkBytes, offset + kept.length);
    const buffer = Buffer.concat([kept, chunk.subarray(0, bytesRead)]);
    let from = 0;
    for (let to = buffer.indexOf("\n\n"); to >= 0; to = buffer.indexOf("\n\n", from)) {
      take(buffer, from, to, offset);
      from = to + 2;
    }
    kept = buffer.subarray(from);
    if (bytesRead === 0) {
      take(kept, 0, kept.length, offset + from);
      break;
    }
    offset += from;
  }
  const held = stack.move();
  return {
    base: [...places].filter(([, place]) => place.isBase).map(([name]) => name),
    async find(name) {
      const place = places.get(name);
      if (place === undefined) return undefined;
      const paragraph = Buffer.alloc(place.length);
      await file.read(paragraph, 0, place.length, place.start);
      return parsePackage(name, paragraph.toString());
    },
    [Symbol.asyncDispose]: () => held[Symbol.asyncDispose](),
  };
}

/**
 * What debootstrap may install from one or several indices (the newest version of a name counts): the base packages,
 * those asked for, and whatever they depend on, chosen as debootstrap chooses it (`resolve_deps` and `GETDEPS` in its
 * functions file): the first alternative, real packages only. By name, each with the position of its index.
 */
export async function closure(
  indices: readonly PackagesIndex[],
  asked: readonly string[],
): Promise<ReadonlyMap<string, ArchivePackage & { readonly index: number }>> {
  const chosen = new Map<string, ArchivePackage & { readonly index: number }>();
  const todo = [...indices.flatMap(({ base }) => base), ...asked];
  for (let name = todo.pop(); name !== undefined; name = todo.pop()) {
    if (chosen.has(name)) continue;
    const found = await findIn(indices, name);
    if (found === undefined) continue;
    chosen.set(name, found);
    todo.push(...found.depends);
  }
  return chosen;
}

async function findIn(indices: readonly PackagesIndex[], name: string) {
  let newest: (ArchivePackage & { readonly index: number }) | undefined;
  for (const [index, packages] of indices.entries()) {
    const found = await packages.find(name);
    if (found === undefined) continue;
    if (newest === undefined || compareDebVersions(newest.version, found.version) < 0) newest = { ...found, index };
  }
  return newest;
}

function isBase(buffer: Buffer, from: number, to: number): boolean {
  return ["required", "important"].includes(fieldIn(buffer, from, to, priorityField));
}

// Found before the paragraph is made a text: that would take longer than all the rest.
function fieldIn(buffer: Buffer, from: number, to: number, label: string): string {
  const paragraph = buffer.subarray(from, to);
  const at = paragraph.indexOf(label);
  if (at < 0) return "";
  const end = paragraph.indexOf(newline, at + 1);
  return paragraph.toString("latin1", at + label.length, end < 0 ? undefined : end);
}

function parsePackage(name: string, text: string): ArchivePackage {
  const paragraph = text.trimEnd();
  return {
    name,
    version: field(paragraph, "Version"),
    arch: field(paragraph, "Architecture"),
    depends: [...dependencies(field(paragraph, "Pre-Depends")), ...dependencies(field(paragraph, "Depends"))],
    filename: field(paragraph, "Filename"),
    size: Number(field(paragraph, "Size")),
    sha256: field(paragraph, "SHA256"),
    paragraph,
  };
}

// `libc6 (>= 2.38), debconf (>= 0.5) | debconf-2.0, python3:any`
function dependencies(list: string): readonly string[] {
  if (list === "") return [];
  return list.split(",").map((entry) => /^\s*([^\s|(:]*)/.exec(entry)?.[1] ?? "");
}
