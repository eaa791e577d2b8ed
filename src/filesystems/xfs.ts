import * as z from "zod/mini";
import { mountDevice } from "../devices/attach/mount.ts";
import type { Extent } from "../devices/blocks/extents.ts";
import { KnownError } from "../host/errors.ts";
import { capture, run } from "../host/process/run.ts";
import { identity, powerOfTwo, word } from "./facts.ts";
import type { Command, FamilyInspection, FilesystemFamily, NewFilesystem } from "./family.ts";
import type { Feature } from "./features.ts";

/** The facts of xfs. */
export const xfsFacts = z.object({
  type: z.literal("xfs"),
  ...identity,
  blockSize: powerOfTwo,
  inodeSize: powerOfTwo,
  sectorSize: powerOfTwo,
  directoryBlockSize: powerOfTwo,
  /** Names as in mkfs.xfs -m and -i, with 0 or 1. */
  features: z.record(word, z.int().check(z.minimum(0), z.maximum(2))),
});
type XfsFacts = z.infer<typeof xfsFacts>;

// mkfs.xfs(8), Documentation/admin-guide/xfs.rst, grub's fs/xfs.c (sparse inodes 2.04, bigtime 2.06, large extent counters 2.12).
const features: readonly Feature[] = [
  { name: "parent", off: ["-n", "parent=0"], kernel: "6.10", grub: "2.14" },
  { name: "exchange", off: ["-i", "exchange=0"], kernel: "6.10", grub: "2.14" },
  { name: "nrext64", off: ["-i", "nrext64=0"], kernel: "6.5", grub: "2.12" },
  { name: "bigtime", off: ["-m", "bigtime=0"], kernel: "5.15", grub: "2.06" },
  { name: "inobtcount", off: ["-m", "inobtcount=0"], kernel: "5.15" },
  { name: "rmapbt", off: ["-m", "rmapbt=0"], kernel: "4.16" },
  { name: "reflink", off: ["-m", "reflink=0"], kernel: "4.16" },
  { name: "sparse", off: ["-i", "sparse=0"], kernel: "4.8", grub: "2.04" },
  { name: "finobt", off: ["-m", "finobt=0"], kernel: "3.16" },
  { name: "crc", off: ["-m", "crc=0"], kernel: "3.16", grub: "2.02~beta3" },
];

// The features that mkfs.xfs can be told, with the options under which it takes them.
const options: Readonly<Record<string, string>> = {
  crc: "-m",
  finobt: "-m",
  rmapbt: "-m",
  reflink: "-m",
  bigtime: "-m",
  inobtcount: "-m",
  sparse: "-i",
  nrext64: "-i",
  projid32bit: "-i",
  attr: "-i",
  ftype: "-n",
};

const mebibyte = 1024 ** 2;
// mkfs.xfs refuses less.
const minimum = 300 * mebibyte;

/** xfs, by xfsprogs. */
export const xfsFamily: FilesystemFamily<XfsFacts> = {
  types: ["xfs"],
  needs: { make: "xfs", inspect: "exportXfs" },
  features,
  // fsck.xfs(8) does nothing, and a guest may not have it.
  checkedAtBoot: false,
  grubModule: "xfs",
  readByExtlinux: false,
  readByDump: false,
  uuidsMustDiffer: false,
  flagsBeforeContent: false,
  bootBlockBytes: 0,

  mountOptions: () => ({
    // A restored guest has the UUID of its original, which may be mounted too; xfs would refuse.
    always: ["nouuid"],
    fresh: [],
    guestControlled: [],
    wholeTree: [],
    // Even a read-only mount may write to a device that can be written: xfs clears stale log blocks.
    withoutJournal: ["norecovery"],
  }),

  mkfs,

  // mkfs.xfs answers an option it does not know with its usage, which lists those it knows as `nrext64=0|1`.
  async knownSwitches(host, switches) {
    const usage = await capture(host, ["sh", "-c", "exec mkfs.xfs 2>&1"], { accept: [0, 1] });
    return switches.filter(({ name }) => new RegExp(`\\b${name}=`).test(usage));
  },

  async recreate(host, device, facts) {
    await run(host, [...mkfs(device, { ...facts, discard: true, options: argumentsFor(facts) })]);
    return facts.uuid;
  },

  async giveUuid(host, device, uuid) {
    await run(host, ["xfs_admin", "-U", uuid, device], { isolated: true });
  },

  canSetLabel,
  // xfs_admin(8) is a shell script that evaluates the label.
  async setLabel(host, device, label) {
    if (!canSetLabel(label)) throw new KnownError(`xfs_db cannot set the label ${JSON.stringify(label)}`);
    await run(host, ["xfs_db", "-x", "-c", label === "" ? "label --" : `label ${label}`, device]);
  },

  // xfs grows while it is mounted only.
  async grow(host, device) {
    await using mounted = await mountDevice(host, device, { type: "xfs", guestControlled: true, options: ["nouuid"] });
    await run(host, ["xfs_growfs", mounted.path]);
  },

  async inspect(host, device) {
    const read = ["xfs_db", "-r", "-c", "info", "-c", "sb 0", "-c", "print uuid fname qflags", device] as const;
    const log = await capture(host, ["xfs_logprint", "-t", device], { accept: [0, 1] });
    return parseXfs(await capture(host, [...read]), log);
  },
  treeObstacle: () => Promise.resolve(undefined),

  // The log of a dirty one is replayed by a mount only.
  async freeSpace(host, device, { isDirty }) {
    if (isDirty) return [];
    const read = ["xfs_db", "-r", "-c", "sb 0", "-c", "print blocksize agblocks", "-c", "freesp -d", device] as const;
    return parseXfsFreeSpace(await capture(host, [...read]));
  },

  overhead: () => ({ fixed: 104 * mebibyte, share: 0.05, minimum }),
  // The log has 64 MiB from 300 MiB on. 5 % go to reserves and btrees.
  neededBytes: (_facts, room) => Math.max(room.bytes * 1.02 + 64 * mebibyte, minimum),
};

function mkfs(device: string, { uuid, label, discard, options: further }: NewFilesystem): Command {
  return [
    ...(["mkfs.xfs", "-q", "-f"] as const),
    ...(discard ? [] : ["-K"]),
    ...further,
    ...["-m", `uuid=${uuid}`],
    ...(label === undefined || label === "" ? [] : ["-L", label]),
    device,
  ];
}

// xfs_db(8) splits its commands at blanks, and has no way to quote.
function canSetLabel(label: string): boolean {
  return /^[\w.:+@%=,/][\w.:+@%=,/-]*$|^$/.test(label);
}

function argumentsFor({ blockSize, inodeSize, sectorSize, directoryBlockSize, features: made }: XfsFacts) {
  const switches = Object.entries(made).flatMap(([name, value]) => {
    const option = options[name];
    return option === undefined || isImplied(name, made) ? [] : [option, `${name}=${String(value)}`];
  });
  return [
    ...["-b", `size=${String(blockSize)}`],
    ...["-s", `size=${String(sectorSize)}`],
    ...["-i", `size=${String(inodeSize)}`],
    ...["-n", `size=${String(directoryBlockSize)}`],
    ...switches,
  ];
}

// With checksums (version 5) these cannot be told; without them the newer ones cannot.
function isImplied(name: string, made: Readonly<Record<string, number>>): boolean {
  const hasChecksums = made["crc"] === 1;
  if (hasChecksums) return ["projid32bit", "attr", "ftype"].includes(name);
  return !["crc", "projid32bit", "attr", "ftype"].includes(name) && made[name] === 0;
}

/** Parses what xfs_db(8) `info` and `print` say, and `xfs_logprint -t`. */
export function parseXfs(text: string, log: string): FamilyInspection<XfsFacts> {
  const value = (pattern: RegExp): string => pattern.exec(text)?.[1] ?? "";
  const number = (name: string): number => Number(value(new RegExp(`\\b${name}=(\\d+)`)));
  const known = Object.keys(options).filter((name) => new RegExp(`\\b${name}=\\d`).test(text));
  const obstacle = obstacleIn(text, value(/^qflags = (\S+)/m));
  return {
    facts: {
      type: "xfs",
      uuid: value(/^uuid = (\S+)/m),
      label: value(/^fname = "([^"\\]*)/m),
      blockSize: number("bsize"),
      inodeSize: number("isize"),
      sectorSize: number("sectsz"),
      directoryBlockSize: Number(value(/^naming\s.*?\bbsize=(\d+)/m)),
      features: Object.fromEntries(known.map((name) => [name, number(name)])),
    },
    isDirty: !log.includes("<CLEAN>"),
    isDamaged: false,
    ...(obstacle === undefined ? {} : { obstacle }),
  };
}

function obstacleIn(text: string, quotaFlags: string): string | undefined {
  if (/\bascii-ci=1/.test(text)) return "names that ignore case (ascii-ci)";
  if (!/^log\s+=internal/m.test(text)) return "a log on another device";
  if (!/^realtime =none/m.test(text)) return "a realtime device";
  return Number(quotaFlags) === 0 ? undefined : "disk quotas";
}

/** The free extents of xfs by xfs_db(8) `freesp -d`: lines `AGNO AGBNO LENGTH`, before a histogram. */
export function parseXfsFreeSpace(text: string): readonly Extent[] {
  const blockSize = Number(/^blocksize = (\d+)/m.exec(text)?.[1] ?? 0);
  const groupBlocks = Number(/^agblocks = (\d+)/m.exec(text)?.[1] ?? 0);
  const list = text.split(/^\s*from\s+to\s+extents/m)[0] ?? "";
  return [...list.matchAll(/^\s*(\d+)\s+(\d+)\s+(\d+)\s*$/gm)].map(([, group, block, length]) => {
    const first = Number(group) * groupBlocks + Number(block);
    return { start: first * blockSize, end: (first + Number(length)) * blockSize };
  });
}
