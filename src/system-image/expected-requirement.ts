import type { Config } from "../config/config.ts";
import { openCache } from "./cache/cache.ts";
import { entriesFor, serves } from "./cache/find-cached.ts";
import { statIfThere } from "./cache/pins.ts";
import { type Requirement, requirementFor } from "./disk-requirement.ts";
import { orderSystem } from "./cache/system-order.ts";

// No suite ever fitted into less: says so before a bootstrap of minutes, where the real figure is not known yet.
const leastSystem: Requirement = { bytes: 64 * 1_048_576, inodes: 0 };

/**
 * What the system of `config` will take of a disk, as far as it is known before it is at hand: by the manifest of the
 * cached one, else the least that any system takes. Nothing is opened for long or locked.
 */
export async function expectedRequirement(config: Config, bootPackages: readonly string[]): Promise<Requirement> {
  const cache = await openCache(config);
  const order = orderSystem(config, cache.folder, bootPackages);
  for (const entry of entriesFor(cache, order)) {
    const manifest = await entry.manifest();
    if (manifest === undefined || manifest === "unreadable" || !serves({ manifest }, order)) continue;
    if ((await statIfThere(entry.tarPath)) !== undefined) return requirementFor(manifest.tree, config.filesystem);
  }
  return leastSystem;
}
