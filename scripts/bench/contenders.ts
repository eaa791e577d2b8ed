import { mkdirSync, readdirSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import type { Bench, Contender } from "./bench-types.ts";
import { sh, timed, type Timed } from "./machine.ts";

export type Engine = "debootstrap" | "mmdebstrap";

/** Installs a guest with our create on one disk. */
export async function createOurs(bench: Bench, engine: Engine, disk = bench.disks[0] ?? ""): Promise<Timed> {
  return await create(bench, bench.ours, disk, { CACHE_DIR: oursCache(bench, engine), BOOTSTRAP: engine });
}

/** Installs a guest with the peer's create on one disk. */
export async function createPeer(bench: Bench, disk = bench.disks[0] ?? ""): Promise<Timed> {
  return await create(bench, bench.peer, disk, {});
}

/** Our cache for one engine; the peer has one at {@link peerCache}. */
export function oursCache({ directory }: Pick<Bench, "directory">, engine: Engine): string {
  return join(directory, `cache-${engine}`);
}

export function peerCache({ directory }: Pick<Bench, "directory">): string {
  return join(directory, "cache-peer");
}

/** Makes a cache empty, downloaded packages included. */
export function emptyCache(path: string): void {
  rmSync(path, { recursive: true, force: true });
  mkdirSync(path, { recursive: true });
}

/**
 * Gives every disk the state of a new one: preallocated, never written. Otherwise the filesystem below, which finds
 * room for what the last contender had discarded, would make one pay for what another one left.
 */
export function freshDisks({ disks }: Bench): void {
  sh(
    `for disk; do
       file=$(losetup --noheadings --output BACK-FILE "$disk")
       blkdiscard --force "$disk" 2>/dev/null; fallocate --length "$(stat --format %s "$file")" "$file"
     done; sync`,
    ...disks,
  );
}

/** Our warm create; the first one, not timed, bootstraps and makes the image. */
export const warmOurs: Contender = {
  async before(bench) {
    if (!hasFile(oursCache(bench, "debootstrap"), ".img")) await createOurs(bench, "debootstrap");
    freshDisks(bench);
  },
  run: (bench) => createOurs(bench, "debootstrap"),
};

/** The peer's warm create. */
export const warmPeer: Contender = {
  async before(bench) {
    if (!hasFile(peerCache(bench), ".tar")) await createPeer(bench);
    freshDisks(bench);
  },
  run: (bench) => createPeer(bench),
};

/** Bytes that a warm create writes: those of our image. */
export function imageBytes(bench: Bench): number {
  const directory = oursCache(bench, "debootstrap");
  const image = readdirSync(directory).find((name) => name.endsWith(".img"));
  return image === undefined ? 0 : statSync(join(directory, image)).size;
}

function hasFile(directory: string, suffix: string): boolean {
  try {
    return readdirSync(directory).some((name) => name.endsWith(suffix));
  } catch {
    return false;
  }
}

/** The swap device of one disk. */
export function swapOf({ swaps }: Pick<Bench, "swaps">, disk: string): string {
  return swaps.get(disk) ?? "";
}

async function create(
  bench: Bench,
  osDir: string,
  disk: string,
  settings: Readonly<Record<string, string>>,
): Promise<Timed> {
  const environment = {
    SUITE: bench.suite,
    MIRROR: bench.mirror,
    PARTITION_STYLE: "none",
    OSP_FILESYSTEM: "ext4",
    CUSTOMIZE_DIR: "/nonexistent",
    ...settings,
  };
  const argv = [join(osDir, "create"), "-i", "bench.example.com", "-b", disk, "-s", swapOf(bench, disk)] as const;
  return await timed([...argv], { cwd: osDir, environment });
}
