import type { Setting } from "../setting.ts";
import { absolutePath, list, optionalPath, wholeNumber, yesOrNo } from "../value-types.ts";

/** The node's own settings: its directories, and the OS parameters that it allows. */
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
    help: "Directory of the variants: the settings of variant NAME are in NAME.conf.",
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
    help: "OS parameters that may be given for an instance. harmless: those that do not change where software comes from. all: every one. Empty: none.",
    expected: "harmless, all or names of OS parameters, separated by commas, semicolons or blanks",
    example: "harmless suite extra_pkgs",
    empty: "everywhere",
    applies: ["create", "import"],
  },
  COMMAND_TIMEOUT: {
    key: "commandTimeout",
    type: wholeNumber(0, 10 ** 6),
    default: "600",
    help: "Seconds that a command such as mount may take; what only asks gets a tenth, what writes everything out six times as much. 0: no bound.",
    expected: "a number of seconds",
    applies: ["create", "import", "export", "rename"],
  },
  STALL_TIMEOUT: {
    key: "stallTimeout",
    type: wholeNumber(0, 10 ** 6),
    default: "900",
    help: "Seconds after which a bootstrap or a restore that makes no progress at all is ended, as with a mirror that never answers. 0: never.",
    expected: "a number of seconds",
    applies: ["create", "import", "cache"],
  },
  DEBUG_LOG: {
    key: "debugLog",
    ...yesOrNo,
    default: "no",
    help: "yes: the log has every command that is run, also where Ganeti passes no DEBUG_LEVEL (`gnt-backup export -d`).",
    applies: ["create", "import", "export", "rename", "cache"],
  },
} as const satisfies Record<string, Setting>;
