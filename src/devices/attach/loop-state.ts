import { realpathSync } from "node:fs";
import { basename } from "node:path";
import * as z from "zod/mini";
import { KnownError } from "../../host/errors.ts";
import type { Host } from "../../host/host.ts";
import { printable } from "../../host/printable.ts";
import { capture } from "../../host/process/run.ts";
import { listDirectory, readText } from "../kernel/block-device.ts";
import { type FileKey, fileKey } from "../kernel/file-key.ts";

/** A loop device in use. Offset and size limit in bytes. */
export interface LoopState {
  readonly device: string;
  /** The kernel's path of the file. It loses its mount point once the mount namespace it was opened in is gone. */
  readonly backing: string;
  /** The key that the backing file had when it was looked at. */
  readonly backingKey?: FileKey | undefined;
  readonly offset: number;
  readonly sizeLimit: number;
}

/**
 * Whether the loop device still has the `state`. Its file is known by device and inode, because no other file can have
 * them while the kernel holds the file open. The path is less reliable: it may belong to another mount namespace, to a
 * directory that was renamed, or to a file that was removed ("(deleted)"). It counts only when no key was recorded.
 */
export async function isStill(host: Host, state: LoopState): Promise<boolean> {
  const now = readLoop(basename(state.device));
  if (now?.offset !== state.offset || now.sizeLimit !== state.sizeLimit) return false;
  if (state.backingKey === undefined) return now.backing.replace(/ \(deleted\)$/, "") === state.backing;
  if (now.backing === state.backing && fileKey(now.backing) === state.backingKey) return true;
  if ((await backingKeys(host)).get(state.device) !== state.backingKey) return false;
  return !isByAnotherName(now.backing, state);
}

// Both names lead to the file: a hard link or a bind mount, by which somebody else opened it. A link that was left
// where the file lay before is no name of its own.
function isByAnotherName(path: string, { backing, backingKey }: LoopState): boolean {
  return fileKey(path) === backingKey && fileKey(backing) === backingKey && resolved(backing) !== path;
}

function resolved(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}

const loopListSchema = z.object({
  loopdevices: z.array(
    z.object({
      name: z.string(),
      "back-maj:min": z.nullable(z.string()),
      "back-ino": z.nullable(z.string()),
    }),
  ),
});

/**
 * By loop device, its backing file's key: the kernel's own idea of it, where sysfs has a path it once had somewhere.
 */
export async function backingKeys(host: Host): Promise<ReadonlyMap<string, FileKey>> {
  const argv = ["losetup", "--list", "--json", "--output", "NAME,BACK-MAJ:MIN,BACK-INO"] as const;
  return parseBackingKeys(await capture(host, [...argv], { shielded: true }));
}

/** Reads `losetup --list --json`; inode numbers may have more digits than a JavaScript number. */
export function parseBackingKeys(text: string): ReadonlyMap<string, FileKey> {
  const exact = text.replaceAll(/("back-ino":\s*)(\d+)/g, '$1"$2"');
  const { loopdevices } = parseList(exact === "" ? '{"loopdevices":[]}' : exact);
  return new Map(
    loopdevices.map((loop) => [loop.name, `${(loop["back-maj:min"] ?? "").trim()}:${String(loop["back-ino"])}`]),
  );
}

function parseList(text: string): z.output<typeof loopListSchema> {
  try {
    return loopListSchema.parse(JSON.parse(text));
  } catch {
    throw new KnownError(`losetup --list --json did not print a list of loop devices: ${printable(text)}`, {
      hint: "compare with losetup of util-linux 2.35 or later",
    });
  }
}

/** All loop devices in use. */
export function readLoops(): readonly LoopState[] {
  return loopNames().flatMap((name) => readLoop(name) ?? []);
}

/** The state of the loop device with the kernel's name `name`, or undefined when it is free. */
export function readLoop(name: string): LoopState | undefined {
  const directory = `/sys/block/${name}/loop`;
  const backing = readText(`${directory}/backing_file`);
  if (backing === undefined) return undefined;
  return {
    device: `/dev/${name}`,
    backing,
    offset: Number(readText(`${directory}/offset`) ?? 0),
    sizeLimit: Number(readText(`${directory}/sizelimit`) ?? 0),
  };
}

function loopNames(): readonly string[] {
  return listDirectory("/sys/block").filter((name) => /^loop\d+$/.test(name));
}
