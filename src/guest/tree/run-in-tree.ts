import type { Host } from "../../host/host.ts";
import { capture } from "../../host/process/run.ts";

export interface ChrootOptions {
  /** A block device that the guest's program needs in its /dev, under the name it has on the node. */
  readonly device?: string;
}

// The namespace is the command's own (unshare --mount-proc), so that these mounts are gone when it ends. /dev holds what
// a boot loader's installer opens, and no device of the node but the one it is to work on.
const entering = `
root=$1 device=$2
mount -t proc -o nosuid,nodev,noexec proc "$root/proc"
mount -t tmpfs -o mode=755,nosuid,noexec,size=256k tmpfs "$root/dev"
mknod -m 666 "$root/dev/null" c 1 3
mknod -m 666 "$root/dev/zero" c 1 5
mknod -m 666 "$root/dev/random" c 1 8
mknod -m 666 "$root/dev/urandom" c 1 9
if [ -n "$device" ]; then
  mkdir -p "$root$(dirname "$device")"
  cp -aL "$device" "$root$device"
fi
shift 2
exec chroot "$root" /bin/sh -euc "$script" boot-loader "$@"`;

/**
 * Runs a shell script inside a tree that was just installed (never one that has run as a guest), and returns its stdout.
 * `args` are its $1, $2, ... Throws CommandError when it fails.
 */
export async function runInTree(
  host: Host,
  root: string,
  script: string,
  args: readonly string[] = [],
  { device = "" }: ChrootOptions = {},
): Promise<string> {
  // The scripts come by the environment, so that `ps` shows a line for the command and not a page.
  const env = { DEBIAN_FRONTEND: "noninteractive", HOME: "/root", entering, script };
  return await capture(host, ["sh", "-euc", 'eval "$entering"', "chroot", root, device, ...args], {
    env,
    isolated: true,
    shownAs: ["chroot", root, "sh", "-c", firstLine(script), ...args],
  });
}

function firstLine(script: string): string {
  const lines = script.trim().split("\n");
  return lines.length === 1 ? script.trim() : `${lines[0] ?? ""} ...`;
}
