import { appendFileSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import * as z from "zod/mini";
import { ifThereSync } from "./files/absent.ts";
import { messageOf } from "./errors.ts";
import { isAlive, ownIdentity, processIdentitySchema, type ProcessIdentity } from "./process/identity.ts";

/** Something that the kernel or the disk keeps when we are killed. It is recorded before it is acquired. */
export const journalEntrySchema = z.discriminatedUnion("kind", [
  /** A loop device on `backing` (the resolved path, and its file's key); offset and size limit in bytes, 0 for none. */
  z.object({
    kind: z.literal("loop"),
    device: z.string(),
    backing: z.string(),
    backingKey: z.optional(z.string()),
    offset: z.number(),
    sizeLimit: z.number(),
  }),
  /** Device-mapper nodes made by kpartx on `disk`. */
  z.object({ kind: z.literal("partition-map"), disk: z.string() }),
  /** An empty directory (a mount point): removed by rmdir only. */
  z.object({ kind: z.literal("directory"), path: z.string() }),
  /** A temporary directory with all that is in it. */
  z.object({ kind: z.literal("tree"), path: z.string() }),
  /** A temporary file. */
  z.object({ kind: z.literal("file"), path: z.string() }),
  /** A disk this run writes to: after our death the kernel may keep it busy for about a second. */
  z.object({ kind: z.literal("disk"), path: z.string() }),
]);
export type JournalEntry = z.infer<typeof journalEntrySchema>;

/** An entry in words, as `loop device /dev/loop3 on /srv/disk`. */
export function describeEntry(entry: JournalEntry): string {
  switch (entry.kind) {
    case "loop":
      return `loop device ${entry.device} on ${entry.backing}`;
    case "partition-map":
      return `partition map of ${entry.disk}`;
    case "directory":
      return `directory ${entry.path}`;
    case "tree":
      return `directory tree ${entry.path}`;
    case "file":
      return `file ${entry.path}`;
    case "disk":
      return `disk ${entry.path}`;
  }
}

/** The journal of this run. */
export interface Journal {
  /** Records `entry`; call it before acquiring. The returned function removes the record; call it after releasing. */
  record(entry: JournalEntry): () => void;
  /** What is recorded and not struck out, oldest first. */
  open(): readonly JournalEntry[];
  /** Removes the journal's file; what is still recorded then stays recorded (a failed release). */
  close(): void;
}

/** The leftovers of a dead run, oldest first. `forget` removes its journal. */
export interface DeadRun {
  readonly owner: ProcessIdentity;
  readonly entries: readonly JournalEntry[];
  forget(): void;
  /** A recovery has tried before, and kept what it could not release. */
  readonly tried: boolean;
  /** Rewrites its journal so that only `entries` remain: those that could not be released. */
  keep(entries: readonly JournalEntry[]): void;
}

const headSchema = z.object({ owner: processIdentitySchema, tried: z.optional(z.boolean()) });
const lineSchema = z.union([
  z.object({ id: z.int(), entry: journalEntrySchema }),
  z.object({ id: z.int(), released: z.literal(true) }),
]);

/**
 * Opens the journal of this process in `runDir`/journal. The file appears with the first entry, so that `-h` and
 * non-root runs leave nothing. One JSON object a line, appended with a single write each: a run killed in between
 * leaves at worst a last line that does not parse, whose acquisition had not begun.
 */
export function openJournal(runDir: string): Journal {
  const directory = join(runDir, "journal");
  const owner = ownIdentity();
  const path = join(directory, `${String(owner.pid)}-${owner.startTime}.jsonl`);
  const open = new Map<number, JournalEntry>();
  let nextId = 0;
  let created = false;

  const append = (line: object): void => {
    appendFileSync(path, `${JSON.stringify(line)}\n`, { mode: 0o600 });
  };
  return {
    record(entry) {
      if (!created) {
        mkdirSync(directory, { recursive: true, mode: 0o750 });
        append({ owner });
        created = true;
      }
      const id = nextId++;
      append({ id, entry });
      open.set(id, entry);
      return () => {
        if (open.delete(id)) append({ id, released: true });
      };
    },
    open: () => [...open.values()],
    close() {
      if (created && open.size === 0) rmSync(path, { force: true });
    },
  };
}

/** The journals in `runDir` whose owners are dead. */
export function readDeadRuns(runDir: string): readonly DeadRun[] {
  return readRuns(runDir).filter(({ owner }) => !isAlive(owner));
}

/** The things that living runs hold or are about to acquire. */
export function readLiveEntries(runDir: string): readonly JournalEntry[] {
  return readRuns(runDir)
    .filter(({ owner }) => isAlive(owner))
    .flatMap(({ entries }) => entries);
}

/** Journals in `runDir` that cannot be read, or not to their end, and why: nobody knows all that their runs left. */
export function unreadableJournals(runDir: string): readonly string[] {
  const directory = join(runDir, "journal");
  return journalNames(directory).flatMap((name) => {
    const path = join(directory, name);
    try {
      const lines = readLines(path);
      const bad = lines.slice(1, -1).findIndex((line) => !lineSchema.safeParse(line).success);
      return bad < 0 ? [] : [`${path}: line ${String(bad + 2)} is not an entry`];
    } catch (error) {
      return [`${path}: ${messageOf(error)}`];
    }
  });
}

function readRuns(runDir: string): readonly DeadRun[] {
  const directory = join(runDir, "journal");
  return journalNames(directory).flatMap((name) => {
    try {
      return readRun(join(directory, name), name);
    } catch {
      // unreadableJournals names it; the others are not to suffer.
      return [];
    }
  });
}

function readRun(path: string, name: string): readonly DeadRun[] {
  const [first, ...lines] = readLines(path);
  const head = headSchema.safeParse(first).data;
  const owner = head?.owner ?? ownerByName(name);
  return owner === undefined ? [] : [deadRun(path, owner, head?.tried ?? false, stillOpen(lines))];
}

// The run was killed between creating the file and writing its head: it had acquired nothing.
function ownerByName(name: string): ProcessIdentity | undefined {
  const [, pid, startTime] = /^(\d+)-(\d+)\.jsonl$/.exec(name) ?? [];
  return startTime === undefined ? undefined : { pid: Number(pid), startTime };
}

function deadRun(path: string, owner: ProcessIdentity, tried: boolean, entries: readonly JournalEntry[]): DeadRun {
  return {
    owner,
    tried,
    entries,
    forget: () => {
      rmSync(path, { force: true });
    },
    keep: (kept) => {
      const lines = [{ owner, tried: true }, ...kept.map((entry, id) => ({ id, entry }))];
      const fresh = `${path}.new`;
      writeFileSync(fresh, lines.map((line) => `${JSON.stringify(line)}\n`).join(""), { mode: 0o600 });
      renameSync(fresh, path);
    },
  };
}

function stillOpen(lines: readonly unknown[]): readonly JournalEntry[] {
  const open = new Map<number, JournalEntry>();
  for (const line of lines) {
    const parsed = lineSchema.safeParse(line);
    if (!parsed.success) continue;
    if ("entry" in parsed.data) open.set(parsed.data.id, parsed.data.entry);
    else open.delete(parsed.data.id);
  }
  return [...open.values()];
}

function journalNames(directory: string): readonly string[] {
  const names = ifThereSync(() => readdirSync(directory)) ?? [];
  // A rewrite that was cut short has another ending.
  return names.filter((name) => name.endsWith(".jsonl")).sort();
}

function readLines(path: string): readonly unknown[] {
  const text = ifThereSync(() => readFileSync(path, "utf8")) ?? "";
  return text
    .split("\n")
    .filter((line) => line !== "")
    .map(parseLine);
}

function parseLine(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}
