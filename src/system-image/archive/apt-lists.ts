import { constants as files, createReadStream, createWriteStream } from "node:fs";
import { chmod, copyFile, mkdir, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { constants as zlib, createGzip } from "node:zlib";

/** Where apt keeps the indices of its sources, below a root. */
const listsDirectory = "var/lib/apt/lists";

/**
 * Copies the indices that apt fetched into `lists` to the new directory `packed`, the large ones compressed: apt reads
 * `NAME_Packages.gz` as it reads `NAME_Packages`, in a quarter of the room.
 */
export async function packLists(lists: string, packed: string): Promise<void> {
  await mkdir(packed, { recursive: true, mode: 0o755 });
  const names = (await readdir(lists)).filter((name) => /_(?:Packages|InRelease|Release|Release\.gpg)$/.test(name));
  // All have ended when one fails: what they read is unmounted next.
  const results = await Promise.allSettled(names.map((name) => packList(join(lists, name), join(packed, name))));
  for (const result of results) if (result.status === "rejected") throw result.reason;
}

/**
 * Gives the system in `tree` the indices in `packed` instead of its engine's, which name a local mirror. Hooks rely on
 * them: `apt-get install` in the new guest works without an `apt-get update` before.
 */
export async function installLists(packed: string, tree: string): Promise<void> {
  const target = join(tree, listsDirectory);
  for (const name of await readdir(target)) {
    if (name !== "partial" && name !== "auxfiles") await rm(join(target, name), { recursive: true, force: true });
  }
  for (const name of await readdir(packed)) {
    await copyFile(join(packed, name), join(target, name), files.COPYFILE_EXCL);
    await chmod(join(target, name), 0o644);
  }
}

async function packList(from: string, to: string): Promise<void> {
  if (!from.endsWith("_Packages")) {
    await copyFile(from, to);
    return;
  }
  const compressor = createGzip({ level: zlib.Z_BEST_SPEED, chunkSize: 1024 * 1024 });
  await pipeline(createReadStream(from, { highWaterMark: 1024 * 1024 }), compressor, createWriteStream(`${to}.gz`));
}
