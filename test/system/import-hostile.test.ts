import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { KnownError } from "../../src/host/errors.ts";
import { exportTo, importFrom } from "../fixtures/backup.ts";
import { type ForgedMember, forgedStream } from "../fixtures/forged-stream.ts";
import { guestDisk, inMounted } from "../fixtures/guest-disk.ts";
import { diskOfTree, hostileGuests, makeHostileTree, makeVictim, stateOf } from "../fixtures/hostile-guests.ts";
import { leakCheckedHost } from "../fixtures/leaks.ts";
import { diskFile, sh } from "../fixtures/loop-disk.ts";
import { temporaryDirectory, type TestHost } from "../fixtures/test-host.ts";

const limitSeconds = 90;

/** What came of it: nothing, or the message of an error that its reader can act on. */
async function failureOf(work: Promise<void>): Promise<string | undefined> {
  try {
    await work;
    return undefined;
  } catch (error) {
    expect(error).toBeInstanceOf(KnownError);
    return (error as KnownError).message;
  }
}

describe("a hostile guest changes nothing on the node when it is exported and imported:", () => {
  it.each(hostileGuests.map((guest) => [guest.name, guest] as const))(
    "%s",
    async (_, guest) => {
      const directory = temporaryDirectory();
      const victim = makeVictim(join(directory, "node"));
      const tree = join(directory, "tree");
      makeHostileTree(tree, guest, victim);
      const disk = diskOfTree(join(directory, "disk"), tree);
      rmSync(tree, { recursive: true });
      const before = stateOf(victim, "/etc", "/boot");

      const host = leakCheckedHost({ verbose: false });
      const stream = join(directory, "stream");
      const swap = diskFile(join(directory, "swap"), 16);
      const target = diskFile(join(directory, "target"), 96);
      const exported = await failureOf(exportTo(host, disk, stream));
      // New identifiers and a swap make it edit whatever it may edit.
      const options = { config: { importNewUuids: true }, request: { swapDevice: swap } };
      const imported = exported ?? (await failureOf(importFrom(host, stream, target, options)));

      expect(stateOf(victim, "/etc", "/boot")).toBe(before);
      expect(imported).toBeUndefined();
      expect(host.logged()).not.toMatch(/[^\n\x20-\x7e]/);
      expect(sh(`e2fsck -fn "$1" 2>/dev/null | tail -1`, target)).toContain("%");
    },
    limitSeconds * 1000,
  );
});

let manifest: Record<string, unknown>;

beforeAll(async () => {
  const directory = sh("mktemp -d /tmp/gid-forged-XXXXXX");
  try {
    const disk = guestDisk(join(directory, "disk"), { style: "none", type: "ext4", mib: 16 }, "true");
    const { createLog } = await import("../../src/host/log.ts");
    const { openJournal } = await import("../../src/host/journal.ts");
    const runDir = join(directory, "run");
    sh(`mkdir "$1"`, runDir);
    const signal = new AbortController().signal;
    const log = createLog({ write: () => undefined });
    await exportTo(
      { log, path: "/usr/sbin:/usr/bin:/sbin:/bin", signal, journal: openJournal(runDir), runDir },
      disk,
      join(directory, "s"),
    );
    manifest = JSON.parse(
      sh(`tar --extract --to-stdout --file "$1/s" .ganeti-instance-debootstrap/manifest.json`, directory),
    ) as Record<string, unknown>;
  } finally {
    sh(`rm -rf "$1"`, directory);
  }
});

const root: ForgedMember = { name: "root/", type: "5", mode: 0o755 };
const file = (name: string, content = "hostile"): ForgedMember => ({ name, content, mode: 0o644 });
const link = (name: string, target: string): ForgedMember => ({ name, type: "2", link: target });
const hard = (name: string, target: string): ForgedMember => ({ name, type: "1", link: target });

interface Attack {
  readonly name: string;
  readonly members: (victim: string) => readonly ForgedMember[];
  /** A part of the error's message; undefined where the result is a guest that harms only itself. */
  readonly refused?: RegExp;
}

const attacks: readonly Attack[] = [
  {
    name: "a path that climbs out",
    members: () => [root, file("root/../../../../../../etc/hostile")],
    refused: /outside the tree/,
  },
  { name: "a path that climbs out at once", members: () => [root, file("../etc/hostile")], refused: /no place/ },
  { name: "an absolute path", members: (victim) => [root, file(`${victim}/victim`)], refused: /no place/ },
  {
    name: "an absolute path in a pax header",
    members: (victim) => [root, { ...file("root/x"), pax: { path: `${victim}/victim` } }],
    refused: /no place/,
  },
  {
    name: "a climbing path in a pax header",
    members: () => [root, { ...file("root/x"), pax: { path: "root/a/../../../x" } }],
    refused: /outside the tree/,
  },
  {
    name: "a climbing path as a GNU long name",
    members: () => [
      root,
      { name: "././@LongLink", type: "L", content: `root/${"a/../".repeat(40)}../../x\0` },
      file("root/x"),
    ],
    refused: /outside the tree/,
  },
  { name: "a path under another top", members: () => [root, file("rootkit")], refused: /no place/ },
  {
    name: "a link to the node and a file through it",
    members: (victim) => [root, link("root/a", victim), file("root/a/victim")],
  },
  {
    name: "a link to the node's root and a file through it",
    members: () => [root, link("root/a", "/"), file("root/a/etc/hostile-import")],
  },
  {
    name: "a relative link out and a file through it",
    members: () => [root, link("root/a", "../../../../../../../tmp"), file("root/a/hostile-import")],
  },
  {
    name: "a link replaced by a file",
    members: (victim) => [root, link("root/a", `${victim}/victim`), file("root/a")],
  },
  {
    name: "a directory replaced by a link, then a file in it",
    members: (victim) => [
      root,
      { name: "root/d/", type: "5", mode: 0o755 },
      link("root/d", victim),
      file("root/d/victim"),
    ],
  },
  {
    name: "a hard link to the node",
    members: (victim) => [root, hard("root/h", `${victim}/victim`)],
    refused: /hard link out/,
  },
  {
    name: "a hard link that climbs out",
    members: () => [root, hard("root/h", "root/../../../../etc/passwd")],
    refused: /hard link out/,
  },
  {
    name: "a hard link through a link",
    members: (victim) => [root, link("root/l", victim), hard("root/h", "root/l/victim"), file("root/h")],
  },
  {
    name: "a hard link by a pax header",
    members: () => [root, { ...hard("root/h", "root/ok"), pax: { linkpath: "/etc/passwd" } }],
    refused: /hard link out/,
  },
  {
    name: "the tree as a link",
    members: (victim) => [link("root", victim), file("root/victim")],
    refused: /no directory/,
  },
  { name: "the tree as a file", members: () => [file("root")], refused: /no directory/ },
  { name: "the tree turned into a link later", members: (victim) => [root, link("root", victim), file("root/victim")] },
  {
    name: "a device node and a file of its name",
    members: () => [root, { name: "root/n", type: "4" }, file("root/n")],
  },
  { name: "a FIFO and a file of its name", members: () => [root, { name: "root/f", type: "6" }, file("root/f")] },
  { name: "a set-id program", members: () => [root, { ...file("root/su"), mode: 0o6755 }] },
  {
    name: "a piece of a raw disk in a tree",
    members: () => [{ name: "raw/0000000000000000", content: "x" }, root],
    refused: /no place/,
  },
  {
    name: "a piece of a partition that is not there",
    members: () => [{ name: "partitions/1/0000000000000000", content: "x" }, root],
    refused: /no place/,
  },
  {
    name: "a second boot area",
    members: () => [{ name: "boot-area.bin", content: "x" }, root],
    refused: /not as the manifest says/,
  },
  {
    name: "a member larger than the memory",
    members: () => [{ name: "boot-area.bin", size: 8 ** 11 - 1 }],
    refused: /too large/,
  },
  {
    name: "inode flags that the manifest does not name",
    members: () => [{ name: "inode-flags", content: "i 0 root/../x\0" }, root],
    refused: /manifest/,
  },
  {
    name: "a file that claims petabytes",
    members: () => [root, { ...file("root/x"), size: 8 ** 11 - 1 }],
    refused: /./,
  },
  {
    name: "a sparse file with a map of nonsense",
    members: () => [
      root,
      {
        ...file("root/GNUSparseFile.0/s", "1\n99999999999999\n5\n"),
        pax: {
          "GNU.sparse.major": "1",
          "GNU.sparse.minor": "0",
          "GNU.sparse.name": "root/s",
          "GNU.sparse.realsize": "9223372036854775807",
        },
      },
    ],
    refused: /./,
  },
  {
    name: "a sparse file with a climbing name",
    members: () => [
      root,
      {
        ...file("root/s", "0\n"),
        pax: {
          "GNU.sparse.major": "1",
          "GNU.sparse.minor": "0",
          "GNU.sparse.name": "root/../../x",
          "GNU.sparse.realsize": "0",
        },
      },
    ],
    refused: /outside the tree/,
  },
  {
    name: "a dump directory of GNU tar's increments",
    members: () => [root, { name: "root/d", type: "D", content: "Yx\0\0" }],
    refused: /unknown type/,
  },
  {
    name: "a part of a volume",
    members: () => [root, { name: "root/m", type: "M", content: "x" }],
    refused: /unknown type/,
  },
  {
    name: "a global pax header",
    members: () => [root, { name: "g", type: "g", content: "19 path=/etc/hosts\n" }, file("root/x")],
    refused: /unknown type/,
  },
  {
    name: "a directory with data",
    members: () => [root, { name: "root/d/", type: "5", content: "x".repeat(600) }],
    refused: /claims to hold data/,
  },
  {
    name: "a terminal's escape codes in names",
    members: () => [root, file("root/\u001b]0;x\u0007\nerror: all is well")],
  },
  { name: "a name that looks like an option", members: () => [root, file("root/--to-command=sh"), file("root/-C")] },
  {
    name: "an fstab that is a link to the node",
    members: (victim) => [
      root,
      { name: "root/etc/", type: "5", mode: 0o755 },
      link("root/etc/fstab", `${victim}/etc/fstab`),
    ],
  },
  {
    name: "an extended attribute of another namespace",
    members: () => [root, { ...file("root/x"), pax: { "SCHILY.xattr.security.capability": "nonsense" } }],
  },
];

describe("a forged stream changes nothing on the node:", () => {
  it.each(attacks.map((attack) => [attack.name, attack] as const))(
    "%s",
    async (_, { members, refused }) => {
      const host = leakCheckedHost({ verbose: false });
      const victim = makeVictim(join(host.directory, "node"));
      const before = stateOf(victim, "/etc", "/boot");
      const stream = join(host.directory, "stream");
      writeFileSync(stream, forgedStream(manifest, members(victim)));
      const target = diskFile(join(host.directory, "target"), 24);
      const said = await failureOf(importFrom(host, stream, target, { config: { importNewUuids: true } }));

      expect(stateOf(victim, "/etc", "/boot")).toBe(before);
      expect(`${said ?? ""}${host.logged()}`).not.toMatch(/[^\n\t\x20-\x7e]/);
      if (refused !== undefined) expect(said).toMatch(refused);
      expectGuestOrNothing(host, target, said);
    },
    limitSeconds * 1000,
  );
});

// tar may refuse some of those that harm nobody; either way the disk is a guest or nothing.
function expectGuestOrNothing(host: TestHost, target: string, said: string | undefined): void {
  if (said === undefined) expect(inMounted(target, "none", "find . -xdev | wc -l")).toMatch(/^\d+$/);
  else expect(sh(`blkid -p "$1" || true`, target), host.logged()).toBe("");
}
