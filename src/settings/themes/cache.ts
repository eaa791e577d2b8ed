import type { Setting } from "../setting.ts";
import { days, onlyYes, wholeNumber, yesOrNo } from "../value-types.ts";

/** How bootstrapped systems are kept, and for how long. */
export const cacheSettings = {
  GENERATE_CACHE: {
    key: "generateCache",
    type: onlyYes,
    default: "yes",
    help: "yes: a bootstrapped system is kept and reused. Any other value: none is kept, but an existing one is used.",
    expected: "yes or no",
    empty: "in-variant",
    applies: ["create", "cache"],
  },
  CLEAN_CACHE: {
    key: "cleanCacheDays",
    type: days,
    default: "14",
    help: "Days after which a cached system is removed. Empty: never. A system whose tar is write-protected (chmod u-w) is kept.",
    expected: "a number of days, or empty",
    empty: "everywhere",
    applies: ["create", "cache"],
  },
  IMAGE_CACHE: {
    key: "imageCache",
    ...yesOrNo,
    default: "yes",
    help: "yes: a filesystem image of each cached system is kept. Installing from the cache is several times faster then.",
    applies: ["create", "cache"],
  },
  DEBS_CACHE_SIZE: {
    key: "debsCacheSizeMiB",
    type: wholeNumber(0, 2 ** 31 - 1),
    default: "1024",
    help: "MiB of downloaded packages to keep for the next bootstrap. 0: none.",
    expected: "a number of MiB",
    applies: ["create", "cache"],
  },
} as const satisfies Record<string, Setting>;
