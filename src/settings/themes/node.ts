import type { Setting } from "../setting.ts";
import { absolutePath, list, optionalPath } from "../value-types.ts";

/** What belongs to the node: its directories, and what it lets be chosen for one instance. */
export const nodeSettings = {
  CUSTOMIZE_DIR: {
    key: "customizeDir",
    type: optionalPath,
    default: ({ installation }) => `${installation.sysconfdir}/ganeti/instance-debootstrap/hooks`,
    help: "Directory of the hooks, which run-parts(8) runs at the end of create. Empty in a variant: no hooks.",
    expected: "an absolute path",
    empty: "in-variant",
    applies: ["create"],
  },
  VARIANTS_DIR: {
    key: "variantsDir",
    type: absolutePath,
    default: ({ installation }) => `${installation.sysconfdir}/ganeti/instance-debootstrap/variants`,
    help: "Directory of the variants: the settings of variant NAME stand in NAME.conf.",
    expected: "an absolute path",
    applies: ["create", "import", "export", "rename", "cache"],
  },
  CACHE_DIR: {
    key: "cacheDir",
    type: absolutePath,
    default: ({ installation }) => `${installation.localstatedir}/cache/ganeti-instance-debootstrap`,
    help: "Directory of the cached systems.",
    expected: "an absolute path",
    applies: ["create", "cache"],
  },
  SCRATCH_DIR: {
    key: "scratchDir",
    type: optionalPath,
    default: "",
    defaultWords: "below CACHE_DIR",
    help: "Directory that systems are bootstrapped in.",
    expected: "an absolute path",
    applies: ["create", "cache"],
  },
  ALLOWED_PARAMETERS: {
    key: "allowedParameters",
    type: list(/^[a-z][a-z0-9_-]*$/),
    default: "harmless",
    help: "OS parameters that may be given for an instance. harmless: those that do not change where software comes from; all: every one; empty: none.",
    expected: "harmless, all or names of OS parameters, separated by commas, semicolons or blanks",
    example: "harmless suite extra_pkgs",
    empty: "everywhere",
    applies: ["create", "import"],
  },
} as const satisfies Record<string, Setting>;
