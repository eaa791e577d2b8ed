import { randomBytes } from "node:crypto";
import { mkdir, rename } from "node:fs/promises";
import { join } from "node:path";
import type { MountedFilesystem } from "../../devices/attach/mount.ts";
import { isExt } from "../../filesystems/ext/facts.ts";
import { startConfined, type Target } from "../../host/process/confined.ts";
import { hasCode } from "../../host/errors.ts";
import type { Host } from "../../host/host.ts";
import { run } from "../../host/process/run.ts";
import { tarAttributes } from "../tree/pack-tree.ts";

/** A directory in which a tree is unpacked, so that nothing boots or reads it before it is whole. */
export interface HiddenTree extends Target {
  /** Moves all that is in it to the filesystem's root, which gets the directory's attributes; it is gone then. */
  reveal(): Promise<void>;
}

/** Makes it in a filesystem that was just made and mounted. */
export async function hideTree(host: Host, mounted: MountedFilesystem): Promise<HiddenTree> {
  const name = `.half-import-${randomBytes(8).toString("hex")}`;
  const path = join(mounted.path, name);
  await mkdir(path, { mode: 0o700 });
  if (isExt(mounted.filesystem)) {
    // Its directories are spread over the disk as those of the root are (chattr(1), T).
    await run(host, ["chattr", "+T", path]);
    await takeLostAndFound(mounted.path, path);
  }
  return {
    path,
    async reveal() {
      const argv = ["bash", "-c", revealScript, "reveal", name, ...tarAttributes] as const;
      await startConfined(host, { path: mounted.path }, [...argv]).done;
    },
  };
}

// e2fsck needs the blocks that mke2fs gave it.
async function takeLostAndFound(root: string, hidden: string): Promise<void> {
  try {
    await rename(join(root, "lost+found"), join(hidden, "lost+found"));
  } catch (error) {
    if (!hasCode(error, "ENOENT")) throw error;
  }
}

// tar knows best how to carry over what a directory can have. Its one header is taken before the moves change a time.
const revealScript = `set -e -o pipefail
cd root; name=$1; shift
attributes=$(tar --create --file=- --no-recursion --format=posix "$@" --directory="$name" . | base64)
find "$name" -mindepth 1 -maxdepth 1 -exec mv --target-directory=. -- {} +
rmdir -- "$name"
printf %s "$attributes" | base64 --decode | tar --extract --file=- --preserve-permissions --same-owner --warning=no-timestamp "$@"`;
