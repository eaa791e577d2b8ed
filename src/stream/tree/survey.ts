import { statfsSync } from "node:fs";
import { captureConfined, type Target } from "../../host/process/confined.ts";
import type { Host } from "../../host/host.ts";
import { treeName } from "../format/member-names.ts";

/** What a tree takes on its filesystem. */
export interface TreeUse {
  readonly bytes: number;
  readonly inodes: number;
}

/** What the filesystem mounted at `target` says is used. btrfs counts no inodes, so they are counted. */
export async function measureTree(host: Host, target: Target): Promise<TreeUse> {
  const { blocks, bfree, bsize, files, ffree } = statfsSync(target.path);
  const inodes = files > 0 ? files - ffree : await countFiles(host, target, []);
  return { bytes: (blocks - bfree) * bsize, inodes };
}

/** How many sockets the tree has. tar leaves them out: only a running program can make one. */
export async function countSockets(host: Host, target: Target): Promise<number> {
  return await countFiles(host, target, ["-type", "s"]);
}

async function countFiles(host: Host, target: Target, tests: readonly string[]): Promise<number> {
  const dots = await captureConfined(host, target, [
    "sh",
    "-c",
    `find ${treeName} -xdev "$@" -printf . | wc -c`,
    "find",
    ...tests,
  ]);
  return Number(dots);
}
