import { statfs } from "node:fs/promises";
import type { Manifest } from "../format/manifest.ts";
import { ImportRefusal } from "./refusal.ts";

const defaultPlace = "/var/tmp";
const mebibyte = 1024 * 1024;

/** Throws KnownError where the used blocks of an image have no room in scratch space. */
export async function requireScratchSpace(scratchDir: string, { used }: Manifest): Promise<void> {
  const place = scratchDir === "" ? defaultPlace : scratchDir;
  const { bavail, bsize } = await statfs(place);
  const needed = (used?.bytes ?? 0) * 1.05 + 64 * mebibyte;
  if (bavail * bsize >= needed) return;
  const words = (bytes: number): string => String(Math.ceil(bytes / mebibyte));
  throw new ImportRefusal(
    `the disk is smaller than the exported one, so that the backup has to be shrunk first: ${place} has ${words(bavail * bsize)} MiB free, and about ${words(needed)} MiB are needed`,
    { hint: "name a larger place by SCRATCH_DIR, or import onto a disk of the same size" },
  );
}
