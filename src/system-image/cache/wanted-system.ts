import type { Config } from "../../config/config.ts";
import { type CacheFolder, openCacheFolder } from "./folder.ts";
import { type CacheKey, cacheKeyOf, cacheName, type SystemNeeds } from "./system-key.ts";

/** One system that is asked for: what it must be and where it is kept. */
export interface Wanted {
  readonly config: Config;
  readonly needs: SystemNeeds;
  readonly key: CacheKey;
  /** Its name in `folder`. */
  readonly name: string;
  readonly folder: CacheFolder;
}

/** The system that the settings and a guest's needs ask for. */
export function wantedSystem(config: Config, needs: SystemNeeds): Wanted {
  const key = cacheKeyOf(config, needs);
  return { config, needs, key, name: cacheName(key, config, needs), folder: openCacheFolder(config.cacheDir) };
}
