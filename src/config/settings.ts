import * as z from "zod/mini";
import type { Installation } from "../host/installation.ts";
import { defaultSuite } from "../releases/release.ts";
import { listItems, shellWords } from "./words.ts";

/** What computed defaults depend on. */
export interface DefaultFacts {
  readonly apiVersion: 5 | 10 | 15 | 20;
  readonly installation: Pick<Installation, "sysconfdir" | "localstatedir">;
}

/** One setting: everything that parsing, checking, showing and documenting it takes. */
export interface Setting<Value = unknown> {
  /** Takes what the shell variable holds. */
  readonly type: z.ZodMiniType<Value, string>;
  readonly default: string | ((facts: DefaultFacts) => string);
  /** The default in words, where it is computed. */
  readonly defaultWords?: string;
  /** One or two sentences for the README, the defaults file and the administrator. */
  readonly help: string;
  /** What a value has to look like, for error messages. */
  readonly expected: string;
  /** Name of the OS parameter (`gnt-instance add -O NAME=VALUE`); then the variable's name is OSP_NAME. */
  readonly osParameter?: string;
  /** A spelling of earlier versions, still read, with a warning. */
  readonly oldSpelling?: string;
  /**
   * Where an empty value counts as it is: everywhere, or in a variant only. Otherwise, as in the original, empty is the
   * same as unset: the default.
   */
  readonly empty?: "everywhere" | "in-variant";
  /** Never shown. */
  readonly secret?: boolean;
  /** An example for the defaults file, where the default itself would say little. */
  readonly example?: string;
}

const text = (pattern: RegExp) => z.string().check(z.regex(pattern));
const optionalText = (pattern: RegExp) => z.union([z.literal(""), text(pattern)]);
const absolutePath = /^\/[^\n\0]*$/;

const list = (pattern: RegExp) =>
  z.pipe(z.pipe(z.string(), z.transform(listItems)), z.readonly(z.array(text(pattern))));
const words = z.pipe(
  z.string().check(z.refine((value) => shellWords(value) !== undefined)),
  z.transform((value: string) => shellWords(value) ?? []),
);
const yesNo = z.pipe(
  z.enum(["yes", "no"]),
  z.transform((value) => value === "yes"),
);
// The original's rule: anything but yes switches it off.
const onlyYes = z.pipe(
  z.string(),
  z.transform((value) => value === "yes"),
);
const wholeNumber = (minimum: number, maximum: number) =>
  z.pipe(text(/^[0-9]{1,12}$/), z.pipe(z.transform(Number), z.number().check(z.minimum(minimum), z.maximum(maximum))));
const days = z.pipe(
  optionalText(/^[0-9]{1,6}$/),
  z.transform((value) => (value === "" ? undefined : Number(value))),
);

/**
 * The table of all settings, by the names they have in the settings files. Parsing, checks, `config show`, the README's
 * table and the defaults file are made from it.
 */
export const settings = {
  PROXY: {
    type: optionalText(/^[^\s'"]+$/),
    default: "",
    help: "Proxy for http and https, used while a system is bootstrapped.",
    expected: "a proxy's address without blanks",
    example: "http://proxy.example.com:3128/",
  },
  MIRROR: {
    type: optionalText(/^[a-z][a-z0-9+.-]*:[^\s]+$/),
    default: "",
    defaultWords: "chosen by debootstrap for the suite",
    help: "Archive to install from. Leave it empty to install both Debian and Ubuntu: each has its own default.",
    expected: "a URL",
    example: "http://mirror.example.com/debian",
  },
  ARCH: {
    type: optionalText(/^[a-z0-9][a-z0-9-]*$/),
    default: "",
    defaultWords: "the node's",
    help: "Architecture of the guest, by Debian's name, as amd64, i386 or arm64.",
    expected: "Debian's name of an architecture, as amd64",
    example: "i386",
  },
  SUITE: {
    type: text(/^[A-Za-z0-9][A-Za-z0-9._+~-]*$/),
    default: defaultSuite,
    help: "Release to install, as trixie, bookworm or noble: any that debootstrap knows.",
    expected: "the name of a release, as trixie",
  },
  EXTRA_PKGS: {
    type: list(/^[A-Za-z0-9][A-Za-z0-9+.:~=/_-]*$/),
    default: "",
    defaultWords: "none",
    help: "Further packages to install, separated by commas or blanks.",
    expected: "names of packages, separated by commas or blanks",
    oldSpelling: "EXTRAPKGS",
    example: "acpi-support-base,udev",
  },
  COMPONENTS: {
    type: list(/^[A-Za-z0-9][A-Za-z0-9._/+-]*$/),
    default: "",
    defaultWords: "main",
    help: "Components of the archive, separated by commas or blanks.",
    expected: "names of components, separated by commas or blanks",
    example: "main,contrib,non-free-firmware",
  },
  CUSTOMIZE_DIR: {
    type: optionalText(absolutePath),
    default: ({ installation }) => `${installation.sysconfdir}/ganeti/instance-debootstrap/hooks`,
    help: "Directory of the hooks, which run-parts(8) runs at the end of create. Empty in a variant: no hooks.",
    expected: "an absolute path",
    empty: "in-variant",
  },
  VARIANTS_DIR: {
    type: text(absolutePath),
    default: ({ installation }) => `${installation.sysconfdir}/ganeti/instance-debootstrap/variants`,
    help: "Directory of the variants: the settings of variant NAME stand in NAME.conf.",
    expected: "an absolute path",
  },
  CACHE_DIR: {
    type: text(absolutePath),
    default: ({ installation }) => `${installation.localstatedir}/cache/ganeti-instance-debootstrap`,
    help: "Directory of the cached systems.",
    expected: "an absolute path",
  },
  GENERATE_CACHE: {
    type: onlyYes,
    default: "yes",
    help: "With yes a bootstrapped system is kept and reused. With any other value none is kept; one that exists is used.",
    expected: "yes or no",
    empty: "in-variant",
  },
  CLEAN_CACHE: {
    type: days,
    default: "14",
    help: "Days after which a cached system is removed. Empty: never. One without write permission for its owner is kept.",
    expected: "a number of days, or empty",
    empty: "everywhere",
  },
  PARTITION_STYLE: {
    type: z.enum(["none", "msdos", "gpt"]),
    default: ({ apiVersion }) => (apiVersion === 5 ? "none" : "msdos"),
    defaultWords: "msdos; none with OS API version 5",
    help: "none: the disk is formatted as it is. msdos: one bootable partition. gpt: boots by BIOS and by UEFI.",
    expected: "none, msdos or gpt",
  },
  PARTITION_ALIGNMENT: {
    type: wholeNumber(1, 2 ** 31 - 1),
    default: "2048",
    help: "Where partitions begin, in sectors.",
    expected: "a number of sectors, 1 or more",
  },
  PARTITION_MAPPER: {
    type: z.enum(["auto", "kpartx", "loop"]),
    default: "auto",
    help: "How a partition becomes a device: kpartx, or an offset loop device. auto: kpartx where device-mapper is there.",
    expected: "auto, kpartx or loop",
  },
  OSP_FILESYSTEM: {
    type: z.enum(["ext2", "ext3", "ext4", "xfs", "btrfs"]),
    default: "ext4",
    help: "Type of the root filesystem. Usually given for an instance, as OS parameter.",
    expected: "ext2, ext3, ext4, xfs or btrfs",
    osParameter: "filesystem",
  },
  BOOTSTRAP: {
    type: z.enum(["debootstrap", "mmdebstrap"]),
    default: "debootstrap",
    help: "Program that bootstraps a system. mmdebstrap takes about half the time.",
    expected: "debootstrap or mmdebstrap",
  },
  DEBOOTSTRAP_OPTS: {
    type: words,
    default: "",
    defaultWords: "none",
    help: "Further options for that program, quoted as for a shell.",
    expected: "words with matching quotes",
    example: "--variant=minbase",
  },
  KEYRING: {
    type: optionalText(absolutePath),
    default: "",
    defaultWords: "chosen by debootstrap for the suite",
    help: "File with the keys that may sign the archive.",
    expected: "an absolute path",
    example: "/usr/share/keyrings/ubuntu-archive-keyring.gpg",
  },
  CHECK_SIGNATURES: {
    type: yesNo,
    default: "yes",
    help: "no: the archive's signatures are not checked, and whoever controls the network controls the guest.",
    expected: "yes or no",
  },
  SCRATCH_DIR: {
    type: optionalText(absolutePath),
    default: "",
    defaultWords: "below CACHE_DIR",
    help: "Directory that systems are bootstrapped in.",
    expected: "an absolute path",
  },
  IMAGE_CACHE: {
    type: yesNo,
    default: "yes",
    help: "Keeps a filesystem image of each cached system, which makes installing from the cache several times faster.",
    expected: "yes or no",
  },
  DEBS_CACHE_SIZE: {
    type: wholeNumber(0, 2 ** 31 - 1),
    default: "1024",
    help: "MiB of downloaded packages kept for the next bootstrap. 0: none.",
    expected: "a number of MiB",
  },
  BOOTLOADER: {
    type: z.enum(["none", "grub", "extlinux", "auto"]),
    default: "none",
    help: "Boot loader to install. auto decides by hypervisor, kernel_path and boot_type of the instance.",
    expected: "none, grub, extlinux or auto",
  },
  KERNEL: {
    type: text(/^[a-z0-9][a-z0-9+.-]*$/),
    default: "auto",
    help: "Kernel package that is installed with a boot loader: a name, auto (fits suite and architecture) or none.",
    expected: "auto, none or the name of a package",
    example: "linux-image-cloud-amd64",
  },
  EXPORT_COMPRESSION: {
    type: z.enum(["none", "zstd", "gzip"]),
    default: "none",
    help: "Compression of exports. Ganeti can compress as well (gnt-cluster modify --compression-tools).",
    expected: "none, zstd or gzip",
  },
  EXPORT_FORMAT: {
    type: z.enum(["tar", "dump"]),
    default: "tar",
    help: "Format of exports. dump: readable by nodes with the older bash scripts; ext2, ext3 and ext4 only.",
    expected: "tar or dump",
  },
  IMPORT_NEW_UUIDS: {
    type: yesNo,
    default: "no",
    help: "yes: an imported filesystem gets new identifiers, and what refers to them in the guest is rewritten.",
    expected: "yes or no",
  },
} as const satisfies Record<string, Setting>;

/** A setting's name in the settings files. */
export type SettingName = keyof typeof settings;

/** The checked values by setting name. */
export type SettingValues = { readonly [Name in SettingName]: z.output<(typeof settings)[Name]["type"]> };

/** All names, in the order of the table. */
export const settingNames = Object.keys(settings) as readonly SettingName[];

/** One entry of the table, with the type that all have in common. */
export function settingOf(name: SettingName): Setting {
  return settings[name];
}

/** What a setting is when nobody sets it. */
export function defaultOf(name: SettingName, facts: DefaultFacts): string {
  const value = settingOf(name).default;
  return typeof value === "string" ? value : value(facts);
}
