// The rooms of src/ and their doors. Read by .dependency-cruiser.mjs, which enforces them, and by test/unit/packaging/
// rooms.test.ts, which compares them with docs/architecture.md and with the folders that are there.

/**
 * The floors, highest first. What stands on a floor may import from every lower floor, never from a higher one, and never
 * from a room beside it.
 *
 * @type {readonly (readonly { readonly room: string, readonly holds: string }[])[]}
 */
export const floors = [
  [
    {
      room: "commands",
      holds: "create, export, import, rename, verify and the administrator's verbs: one page of verbs each",
    },
  ],
  [
    { room: "system-image", holds: "where a root tree comes from: bootstrap engines, cache, image layer" },
    { room: "stream", holds: "the export format, and how a disk becomes a stream and a stream a disk" },
  ],
  [{ room: "guest", holds: "edits inside the target: hostname, hosts, fstab, network, console, boot loader, hooks" }],
  [
    {
      room: "config",
      holds: "defaults file + variant (sourced by bash) + parameters -> one Config, each value with its origin",
    },
  ],
  [{ room: "os-api", holds: "argv or environment -> one OsRequest, the same type whatever the API version" }],
  [
    {
      room: "settings",
      holds: "the one table of settings: name, type, default, words, what each has an effect on; types of values",
    },
  ],
  [{ room: "filesystems", holds: "one family a file: make, make again, inspect, free space, overhead" }],
  [{ room: "devices", holds: "block device, loop, partition table, partition map, mount: things that are owned" }],
  [{ room: "releases", holds: "one table of suites: family, versions, script of debootstrap, kernel packages" }],
  [{ room: "host", holds: "run commands, table of tools, files confined to a root, locks, signals, the journal" }],
];

/**
 * Inside a room: its sub-rooms, highest first, by the same rule. `.` stands for the files directly in the room.
 *
 * @type {Readonly<Record<string, readonly (readonly string[])[]>>}
 */
export const subRooms = {
  commands: [["admin"], ["."]],
  "system-image": [["."], ["bootstrap", "image"], ["archive"], ["cache"], ["tree"], ["spec"]],
  stream: [["export", "restore"], ["image", "tree"], ["format"], ["pipe"]],
  guest: [["."], ["boot", "hooks", "rename"], ["console", "identity", "network", "storage"], ["tree"]],
  // settings.ts gathers the themes, which use the types beside it: that no files go in a circle is rule enough.
  settings: [],
  // A family's files use what describes a family, and families.ts gathers them: no circles is rule enough.
  filesystems: [],
  // What is checked uses what the files say and the other way round, but for circles of files; the same in host.
  config: [],
  host: [],
  devices: [["."], ["partitions"], ["attach"], ["blocks"], ["kernel"]],
};
