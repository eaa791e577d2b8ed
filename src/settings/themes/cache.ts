import type { Setting } from "../setting.ts";
import { days, onlyYes, wholeNumber, yesOrNo } from "../value-types.ts";

/** What is kept of a bootstrapped system, and for how long. */
export const cacheSettings = {
  GENERATE_CACHE: {
    key: "generateCache",
    type: onlyYes,
    default: "yes",
    help: "With yes a bootstrapped system is kept and reused. With any other value none is kept; one that exists is used.",
    expected: "yes or no",
    empty: "in-variant",
    applies: ["create", "cache"],
  },
  CLEAN_CACHE: {
    key: "cleanCacheDays",
    type: days,
    default: "14",
    help: "Days after which a cached system is removed. Empty: never. One without write permission for its owner is kept.",
    expected: "a number of days, or empty",
    empty: "everywhere",
    applies: ["create", "cache"],
  },
  IMAGE_CACHE: {
    key: "imageCache",
    ...yesOrNo,
    default: "yes",
    help: "Keeps a filesystem image of each cached system, which makes installing from the cache several times faster.",
    applies: ["create", "cache"],
  },
  DEBS_CACHE_SIZE: {
    key: "debsCacheSizeMiB",
    type: wholeNumber(0, 2 ** 31 - 1),
    default: "1024",
    help: "MiB of downloaded packages kept for the next bootstrap. 0: none.",
    expected: "a number of MiB",
    applies: ["create", "cache"],
  },
} as const satisfies Record<string, Setting>;
