import type { BigIntStats } from "node:fs";
import { open, rename, rm } from "node:fs/promises";
import * as z from "zod/mini";
import { KnownError } from "../../host/errors.ts";
import { UntrustedFile } from "../../host/files/ownership.ts";
import { systemSpecSchema } from "../spec/system-spec.ts";
import { openCacheFile } from "./cache-file.ts";
import { partialPath } from "./partial-path.ts";

/**
 * By what an unchanged file is known without reading it. The change time is the kernel's own: it moves with every
 * write, also when the modification time was put back. Nanoseconds as decimal text: they do not fit a double.
 */
export const fileStampSchema = z.object({
  inode: z.string(),
  size: z.number(),
  modified: z.string(),
  changed: z.string(),
});
export type FileStamp = z.infer<typeof fileStampSchema>;

const common = {
  version: z.literal(1),
  sha256: z.string(),
  stamp: z.optional(fileStampSchema),
  /** What the unpacked tree takes. */
  tree: z.object({ bytes: z.number(), inodes: z.number() }),
  /** Stamps of the filesystem images derived from the tar, by what tells them apart. */
  images: z.optional(z.record(z.string(), fileStampSchema)),
};

/** What lies beside a tar: where it came from, or, for an administrator's own, that it was found readable. */
export const manifestSchema = z.discriminatedUnion("kind", [
  z.object({
    kind: z.literal("built"),
    ...common,
    key: systemSpecSchema,
    /** ISO 8601. */
    created: z.string(),
    /** When the archive was last asked and had nothing newer; ISO 8601. */
    checked: z.optional(z.string()),
    /** Packages as `name` -> version. */
    packages: z.record(z.string(), z.string()),
    tool: z.string(),
  }),
  z.object({ kind: z.literal("adopted"), ...common }),
]);
export type Manifest = z.infer<typeof manifestSchema>;
export type BuiltManifest = Extract<Manifest, { kind: "built" }>;

/** What lies where the manifest of a tar belongs; undefined: nothing, so that the tar is an administrator's own. */
export type FoundManifest = Manifest | "unreadable" | undefined;

/**
 * Reads a manifest. `"unreadable"` is one that this version does not understand, or something else in its place. Throws
 * UntrustedFile, and what the medium gives.
 */
export async function findManifest(path: string): Promise<FoundManifest> {
  const file = await openCacheFile(path).catch((error: unknown) => {
    if (error instanceof KnownError && !(error instanceof UntrustedFile)) return "unreadable" as const;
    throw error;
  });
  if (file === undefined || file === "unreadable") return file;
  try {
    return manifestSchema.safeParse(parseJson(await file.readFile("utf8"))).data ?? "unreadable";
  } finally {
    await file.close();
  }
}

/** Writes a manifest in one step: a reader sees the old one or the new one. */
export async function writeManifest(path: string, manifest: Manifest): Promise<void> {
  const partial = partialPath(path);
  await rm(partial, { force: true });
  const file = await open(partial, "wx", 0o644);
  try {
    await file.writeFile(`${JSON.stringify(manifest, null, 2)}\n`);
    await file.chmod(0o644);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(partial, path);
}

/** The stamp of a file as fstat(2) gave it. */
export function stampOf(stats: BigIntStats): FileStamp {
  return {
    inode: String(stats.ino),
    size: Number(stats.size),
    modified: String(stats.mtimeNs),
    changed: String(stats.ctimeNs),
  };
}

/** Whether nothing was written to the file since. */
export function sameStamp(a: FileStamp | undefined, b: FileStamp): boolean {
  return a !== undefined && sameNominal(a, b) && a.changed === b.changed;
}

/** Whether the file looks untouched: what is left of {@link sameStamp} when somebody, or a bad disk, hid a change. */
export function sameNominal(a: FileStamp, b: FileStamp): boolean {
  return a.inode === b.inode && a.size === b.size && a.modified === b.modified;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
