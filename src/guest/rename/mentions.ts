import { KnownError } from "../../host/errors.ts";
import type { RootedFiles } from "../../host/files/rooted-files.ts";
import { addressesIn, canonicalAddress } from "../network/addresses.ts";

/** A file that still holds an old name or address. */
export interface Mention {
  readonly path: string;
  readonly words: readonly string[];
}

export interface MentionOptions {
  readonly names: readonly string[];
  readonly addresses: readonly string[];
}

/** Bounds on what is looked at: this only serves advice, and a guest can make files without end. */
const maxEntries = 4000;
const maxDepth = 6;
const maxBytes = 64 * 1024;

// Keys carry the name of the machine that made them as a comment; backups are of the past.
const uninteresting = /\.pub$|~$|-$|\.(?:bak|old|dpkg-\w+|ucf-\w+)$|^\/etc\/(?:ssl|ca-certificates|alternatives)\//;

/** Looks through the guest's /etc for what holds one of `names` or `addresses` as a whole word. Links are not followed. */
export async function findMentions(files: RootedFiles, options: MentionOptions): Promise<readonly Mention[]> {
  const mentions: Mention[] = [];
  let entries = 0;
  const look = async (directory: string, depth: number): Promise<void> => {
    for (const name of await orNothing(() => files.list(directory), [])) {
      if (++entries > maxEntries) return;
      const path = `${directory}/${name}`;
      const stat = await orNothing(() => files.lstat(path), undefined);
      if (stat?.kind === "directory" && depth < maxDepth) await look(path, depth + 1);
      if (stat?.kind !== "file" || stat.size > maxBytes || uninteresting.test(path)) continue;
      const text = (await orNothing(() => files.readBytes(path), undefined))?.toString("latin1") ?? "";
      const words = wordsIn(text, options);
      if (words.length > 0) mentions.push({ path, words });
    }
  };
  if ((await orNothing(() => files.lstat("/etc"), undefined))?.kind === "directory") await look("/etc", 1);
  return mentions;
}

async function orNothing<T>(work: () => Promise<T>, nothing: T): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof KnownError) return nothing;
    throw error;
  }
}

function wordsIn(text: string, { names, addresses }: MentionOptions): readonly string[] {
  if (text.includes("\0")) return [];
  const found = addresses.length === 0 ? new Set<string>() : addressesIn(text);
  return [
    ...names.filter((name) => holdsName(text, name)),
    ...addresses.filter((address) => found.has(canonicalAddress(address) ?? "")),
  ];
}

function holdsName(text: string, name: string): boolean {
  const lower = text.toLowerCase();
  for (let at = lower.indexOf(name.toLowerCase()); at >= 0; at = lower.indexOf(name.toLowerCase(), at + 1)) {
    const rest = lower.slice(at + name.length, at + name.length + 2);
    if (!/[\w.-]/.test(lower.charAt(at - 1)) && !/^(?:[\w-]|\.\w)/.test(rest)) return true;
  }
  return false;
}
