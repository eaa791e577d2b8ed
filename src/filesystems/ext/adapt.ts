import type { Host } from "../../host/host.ts";
import { run, type RunOptions } from "../../host/process/run.ts";
import type { CommandOutcome } from "../../host/errors.ts";

// A filesystem made by others may be made to keep its tools busy, or to have them take all memory.
const leastMemory = 1024 ** 3;
const hours = 6;

/** Runs a tool of e2fsprogs on a guest's filesystem of `bytes`, with its memory and time bounded. */
async function runBounded(
  host: Host,
  bytes: number,
  argv: readonly [string, ...string[]],
  options: RunOptions = {},
): Promise<CommandOutcome> {
  const memory = leastMemory + Math.ceil(bytes / 256);
  const bound = ["prlimit", `--as=${String(memory)}`, "--core=0", "--"] as const;
  return await run(host, [...bound, ...argv], { ...options, isolated: true, timeoutSeconds: hours * 3600 });
}

/**
 * Checks ext2, ext3 or ext4 on a device or in a file, and mends what can be without doubt. Returns whether it is sound
 * now. Throws CommandError when it cannot be checked.
 */
export async function preenExt(host: Host, device: string, bytes: number): Promise<boolean> {
  // 1 and 2: mended; 4: left as it is.
  const { exitCode } = await runBounded(host, bytes, ["e2fsck", "-f", "-p", device], { accept: [0, 1, 2, 4] });
  return exitCode !== 4;
}

/** Gives a checked filesystem another UUID. */
export async function giveExtUuid(host: Host, device: string, bytes: number, uuid: string): Promise<void> {
  await runBounded(host, bytes, ["tune2fs", "-U", uuid, device]);
}

/** Grows a checked filesystem to the size of its device. */
export async function growExt(host: Host, device: string, bytes: number): Promise<void> {
  // Checked just now: by -f it does not doubt that when the guest's clock was ahead of ours.
  await runBounded(host, bytes, ["resize2fs", "-f", device]);
}

/**
 * Shrinks a checked filesystem, of `from` bytes, in a file. Returns undefined, or the bytes it needs at least when that is
 * more than `to`.
 */
export async function shrinkExt(host: Host, file: string, from: number, to: number): Promise<number | undefined> {
  const { exitCode, said } = await runBounded(host, from, ["resize2fs", file, `${String(Math.floor(to / 1024))}K`], {
    accept: [0, 1],
  });
  if (exitCode === 0) return undefined;
  const blocks = /smaller than minimum \((\d+)\)/.exec(said)?.[1];
  return blocks === undefined ? Infinity : Number(blocks);
}

/** The names in a directory of a filesystem that is not mounted, none when there is no such directory. */
export async function listExtDirectory(host: Host, device: string, bytes: number, path: string): Promise<string[]> {
  // Lines `/INODE/MODE/UID/GID/NAME/SIZE/`; what goes wrong is on stderr.
  const { stdout } = await runBounded(host, bytes, ["debugfs", "-R", `ls -p ${path}`, device], { accept: [0, 1] });
  return stdout.split("\n").flatMap((line) => line.split("/")[5] ?? []);
}
