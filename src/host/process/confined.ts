import type { Host } from "../host.ts";
import { start, type RunningCommand, type RunOptions } from "./run.ts";

/** Where a confined command finds the target; its working directory is the directory above. */
export const confinedRoot = "/run/target/root";

/** The one mount that a confined command sees besides the node's programs. */
export interface Target {
  /** Path of a mounted filesystem on the host. */
  readonly path: string;
  /** Not even the target can be written. */
  readonly readOnly?: boolean;
}

// The new root shows the node's own root filesystem, and /usr and the like where they are separate mounts: all
// read-only and without device nodes. Nothing else of the node is there, so neither a symbolic link nor `..` can lead
// to a byte that could be changed. The working directory keeps hold of the target when the new root covers its path;
// --no-canonicalize, or mount(8) would look for that path.
const script = String.raw`
set -e
new=$1 target=$2 mode=$3
shift 3
cd -- "$target"
mount --bind / "$new"
mount -o remount,bind,ro,nosuid,nodev "$new"
for directory in /usr /lib /lib64 /bin /sbin /etc /usr/bin /usr/sbin /usr/lib; do
  if mountpoint -q "$directory"; then
    mount --bind "$directory" "$new$directory"
    mount -o remount,bind,ro,nosuid,nodev "$new$directory"
  fi
done
mount -t tmpfs -o mode=0755,size=64k,nosuid,noexec confined "$new/dev"
: >"$new/dev/null"
mount --bind /dev/null "$new/dev/null"
mount -o remount,ro "$new/dev"
mount -t tmpfs -o mode=0700,size=64k,nosuid,nodev,noexec confined "$new/run"
mkdir -p "$new/run/target/root"
mount --no-canonicalize --bind . "$new/run/target/root"
if [ "$mode" = ro ]; then mount -o remount,bind,ro,nosuid,nodev,noexec "$new/run/target/root"; fi
mount -o remount,ro "$new/run"
unset confinement
exec chroot "$new" sh -c 'cd /run/target && exec "$@"' sh "$@"
`;

/**
 * Starts a command that works on a guest's tree where every mount but the target is read-only: by construction no byte
 * of the host can change, whatever the tree or a stream makes it do. It runs in /run/target, the tree is at `root`, and
 * it finds no /proc, and of devices only /dev/null (restore ends without). Ends with everything it started.
 */
export function startConfined(
  host: Host,
  target: Target,
  argv: readonly [string, ...string[]],
  options: Omit<RunOptions, "isolated" | "cwd"> = {},
): RunningCommand {
  const mode = target.readOnly === true ? "ro" : "rw";
  // By the environment, so that `ps` shows the command and not all of this.
  const prelude = ["sh", "-c", 'eval "$confinement"', "confined", host.runDir, target.path, mode] as const;
  return start(host, [...prelude, ...argv], {
    ...options,
    shownAs: argv,
    env: { ...options.env, confinement: script },
    isolated: true,
  });
}

/** Runs a confined command to its end and returns its stdout; see {@link startConfined}. Throws as `run`. */
export async function captureConfined(
  host: Host,
  target: Target,
  argv: readonly [string, ...string[]],
  options: Omit<RunOptions, "isolated" | "cwd"> = {},
): Promise<string> {
  return (await startConfined(host, target, argv, options).done).stdout;
}
