import type { Config } from "../../config/config.ts";
import type { CacheEntry, CacheFolder } from "./folder.ts";
import { chosenSettings, type SystemSpec, systemName, systemSpec } from "../spec/system-spec.ts";

/** A system that is asked for, and where it is kept. */
export interface SystemOrder {
  readonly spec: SystemSpec;
  readonly entry: CacheEntry;
  /** The settings that were chosen, for a warning: an administrator's own tar cannot be known to hold them. */
  readonly chosen: readonly string[];
}

/** The system that the settings ask for, with what a guest needs for booting. Throws KnownError. */
export function orderSystem(config: Config, folder: CacheFolder, bootPackages: readonly string[]): SystemOrder {
  const spec = systemSpec(config, bootPackages);
  return {
    spec,
    entry: folder.entry(systemName(spec, config, bootPackages)),
    chosen: chosenSettings(config, bootPackages),
  };
}
