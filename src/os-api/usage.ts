import type { OsRequest } from "./request.ts";
import { osParameters, settingOf } from "../settings/settings.ts";

/** The task of an OS script: its name. */
export type Action = OsRequest["action"];

/** Thrown for -h and --help: `text` belongs on stdout, the exit status is 0. */
export class HelpRequested extends Error {
  override readonly name = "HelpRequested";
  readonly text: string;

  constructor(text: string) {
    super("help was requested");
    this.text = text;
  }
}

/** A flag of an OS script under OS API 5, with its words for usage texts and error messages. */
export interface Flag {
  readonly letter: "i" | "n" | "o" | "b" | "s";
  readonly value: string;
  readonly meaning: string;
}

/** The flags that OS API 5 gives each script; all are required (ganeti-os-interface(7) of Ganeti 1.2). */
export const flags: Readonly<Record<Action, readonly Flag[]>> = {
  create: [
    { letter: "i", value: "NAME", meaning: "name of the instance, fully qualified" },
    { letter: "b", value: "DISK", meaning: "block device or file that becomes its root disk" },
    { letter: "s", value: "SWAP", meaning: "block device or file that becomes its swap" },
  ],
  import: [
    { letter: "i", value: "NAME", meaning: "name of the instance, fully qualified" },
    { letter: "b", value: "DISK", meaning: "block device or file that the backup is restored to" },
    { letter: "s", value: "SWAP", meaning: "block device or file that becomes its swap" },
  ],
  export: [
    { letter: "i", value: "NAME", meaning: "name of the instance" },
    { letter: "b", value: "DISK", meaning: "block device or file that is backed up" },
  ],
  rename: [
    { letter: "o", value: "OLD", meaning: "name that the instance had" },
    { letter: "n", value: "NEW", meaning: "name that it gets" },
    { letter: "b", value: "DISK", meaning: "its root disk" },
    { letter: "s", value: "SWAP", meaning: "its swap disk" },
  ],
  verify: [],
};

interface Description {
  readonly purpose: string;
  readonly environment: readonly (readonly [variable: string, meaning: string])[];
  readonly streams: string;
  readonly example: readonly string[];
}

const common = [
  ["INSTANCE_NAME", "name of the instance"],
  ["HYPERVISOR", "for example kvm or xen-pvm"],
  ["DISK_COUNT", "number of its disks"],
] as const;
const variant = ["OS_VARIANT", "variant: settings of VARIANTS_DIR/NAME.conf (optional)"] as const;

const descriptions: Readonly<Record<Action, Description>> = {
  create: {
    purpose: "Installs Debian or Ubuntu on the disk of an instance. All data on the disk is lost.",
    environment: [
      ...common,
      ["DISK_0_PATH", "block device or file that becomes the root disk"],
      ["NIC_COUNT, NIC_n_*", "its network interfaces (optional)"],
      ["INSTANCE_HV_*", "hypervisor parameters, for example serial_console (optional)"],
      variant,
    ],
    streams: "All messages go to stderr.",
    example: [
      "cd /srv/ganeti/os/debootstrap && \\",
      "  ./create -i guest1.example.com -b /dev/vg0/guest1 -s /dev/vg0/guest1-swap",
    ],
  },
  import: {
    purpose: "Restores a backup from stdin to a disk of an instance. All data on the disk is lost.",
    environment: [
      ...common,
      ["IMPORT_DEVICE", "disk that is restored (or IMPORT_DISK_PATH)"],
      ["IMPORT_INDEX", "its number among the disks of the instance"],
      variant,
    ],
    streams: "The backup is read from stdin. All messages go to stderr.",
    example: [
      "cd /srv/ganeti/os/debootstrap && \\",
      "  ./import -i guest1.example.com -b /dev/vg0/guest1 -s /dev/vg0/guest1-swap < guest1.tar",
    ],
  },
  export: {
    purpose: "Writes a backup of a disk of an instance to stdout. The disk is not changed.",
    environment: [
      ...common,
      ["EXPORT_DEVICE", "disk that is backed up, often a snapshot (or EXPORT_DISK_PATH)"],
      ["EXPORT_INDEX", "its number among the disks of the instance"],
      ["EXP_SIZE_FD", "descriptor that takes the estimated size in bytes (optional)"],
      variant,
    ],
    streams: "The backup goes to stdout, everything else to stderr.",
    example: [
      "cd /srv/ganeti/os/debootstrap && \\",
      "  ./export -i guest1.example.com -b /dev/vg0/guest1 > guest1.tar",
    ],
  },
  rename: {
    purpose: "Changes the name of an installed guest from the old name of its instance to the new one.",
    environment: [
      ...common,
      ["OLD_INSTANCE_NAME", "name that the instance had"],
      ["DISK_0_PATH", "its root disk"],
      ["NIC_COUNT, NIC_n_*", "its network interfaces (optional)"],
      variant,
    ],
    streams: "All messages go to stderr.",
    example: [
      "cd /srv/ganeti/os/debootstrap && \\",
      "  ./rename -o old.example.com -n new.example.com -b /dev/vg0/guest1 -s /dev/vg0/guest1-swap",
    ],
  },
  verify: {
    purpose: "Checks the OS parameters of an instance. Reads no settings of the node and changes nothing.",
    environment: [],
    streams: "All problems found go to stderr.",
    example: ["cd /srv/ganeti/os/debootstrap && \\", "  OS_API_VERSION=20 OSP_FILESYSTEM=xfs ./verify parameters"],
  },
};

/** The ways to call a script, one a line. */
export function synopsis(action: Action): string {
  if (action === "verify") return "usage: OSP_NAME=VALUE... verify parameters";
  const given = flags[action].map(({ letter, value }) => `-${letter} ${value}`).join(" ");
  return `usage: ${action} ${given}\n       OS_API_VERSION=20 VARIABLE=VALUE... ${action}`;
}

/** The whole usage text of a script, for an administrator: flags, environment, exit statuses, an example. */
export function usage(action: Action): string {
  const { purpose, environment, streams, example } = descriptions[action];
  return [
    synopsis(action),
    "",
    purpose,
    ...section("Flags, without OS_API_VERSION or with OS_API_VERSION=5 (all are required):", [
      ...flags[action].map(({ letter, value, meaning }) => [`-${letter} ${value}`, meaning] as const),
    ]),
    ...section("Environment, with OS_API_VERSION=10, 15 or 20 (no arguments are given then):", environment),
    ...section(
      "OS parameters, each optional (gnt-instance add -O NAME=VALUE gives OSP_NAME=VALUE):",
      parameters(action),
    ),
    ...section("With every OS API version:", [
      ["-h, --help", "prints this text"],
      ["DEBUG_LEVEL=1", "logs every command that is run"],
    ]),
    "",
    streams,
    "Exit status: 0 done, 1 failed, 2 wrong call (nothing was touched), 128+n ended by signal n.",
    "",
    "Example:",
    ...example.map((line) => `  ${line}`),
    "",
  ].join("\n");
}

function parameters(action: Action): readonly (readonly [string, string])[] {
  return osParameters
    .filter(({ setting }) => action === "verify" || settingOf(setting).applies.includes(action))
    .map(({ variable, setting }) => [variable, settingOf(setting).expected]);
}

function section(title: string, rows: readonly (readonly [string, string])[]): readonly string[] {
  if (rows.length === 0) return [];
  const width = Math.max(...rows.map(([term]) => term.length));
  return ["", title, ...rows.map(([term, meaning]) => `  ${term.padEnd(width)}  ${meaning}`)];
}
