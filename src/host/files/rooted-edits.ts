import { KnownError } from "../errors.ts";
import type { Host } from "../host.ts";
import { locate, type Place, type Root, shown } from "./rooted-path.ts";
import { flagAgainstReplacing, readPlace, stagePlace, type StagedFile } from "./rooted-place.ts";

/** A change of a file's text, see `RootedFiles.edit`. */
export interface FileEdit {
  readonly path: string;
  readonly change: (text: string) => string | undefined;
}

/** A file to be replaced, held open until it is. */
interface Draft {
  readonly place: Place;
  readonly old: string;
  text: string;
}

/**
 * Edits files of a guest, all of them or none: each new file is written beside the old one before the first is renamed
 * into place. An obstacle (a full disk, a flag of chattr) is found before anything has changed.
 */
export async function editAllOrNone(
  root: Root,
  host: Host | undefined,
  edits: readonly FileEdit[],
  maxBytes: number,
): Promise<void> {
  const held: Place[] = [];
  const staged: StagedFile[] = [];
  try {
    const drafts = draftsOf(root, edits, maxBytes, held).filter(({ old, text }) => text !== old);
    for (const { place } of drafts) refuseFlagged(place);
    for (const { place, text } of drafts) staged.push(await stagePlace(root, host, place, Buffer.from(text, "latin1")));
    for (const file of staged) file.commit();
  } finally {
    for (const file of staged) file.discard();
    for (const place of held) place[Symbol.dispose]();
  }
}

// Two paths may lead to one file. The second change begins with the result of the first.
function draftsOf(root: Root, edits: readonly FileEdit[], maxBytes: number, held: Place[]): readonly Draft[] {
  const drafts = new Map<string, Draft>();
  for (const { path, change } of edits) {
    const place = locate(root, path, { followLast: true });
    if (place === undefined) continue;
    held.push(place);
    const old = readPlace(root, place, maxBytes)?.toString("latin1");
    if (old === undefined) continue;
    const draft = drafts.get(place.guestPath) ?? { place, old, text: old };
    draft.text = change(draft.text) ?? draft.text;
    if (/[^\0-\xff]/.test(draft.text)) throw new Error(`edit of ${path}: not ISO 8859-1`);
    drafts.set(place.guestPath, draft);
  }
  return [...drafts.values()];
}

const flagNames = { i: "immutable", a: "append-only" } as const;

function refuseFlagged(place: Place): void {
  const found = flagAgainstReplacing(place);
  if (found === undefined) return;
  const { path, flags } = found;
  const words = flags.map((flag) => `${flagNames[flag]} (chattr +${flag})`).join(" or ");
  throw new KnownError(`${shown(path)} in the guest is ${words}: no file was changed`, {
    hint: `chattr ${flags.map((flag) => `-${flag}`).join(" ")} ${shown(path)} in the guest takes the flag away`,
  });
}
