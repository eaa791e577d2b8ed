import type { Host } from "../host/host.ts";
import { capture } from "../host/run.ts";
import type { Inspection } from "./inspect.ts";

/** The features that mkfs.xfs can be told, with the options under which it takes them. */
export const xfsFeatures: Readonly<Record<string, string>> = {
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

/** Reads the superblock and the state of the log of xfs. */
export async function inspectXfs(host: Host, device: string): Promise<Inspection> {
  const read = ["xfs_db", "-r", "-c", "info", "-c", "sb 0", "-c", "print uuid fname qflags", device] as const;
  const log = await capture(host, ["xfs_logprint", "-t", device], { accept: [0, 1] });
  return parseXfs(await capture(host, [...read]), log);
}

/** Parses what xfs_db(8) `info` and `print` say, and `xfs_logprint -t`. */
export function parseXfs(text: string, log: string): Inspection {
  const value = (pattern: RegExp): string => pattern.exec(text)?.[1] ?? "";
  const number = (name: string): number => Number(value(new RegExp(`\\b${name}=(\\d+)`)));
  const known = Object.keys(xfsFeatures).filter((name) => new RegExp(`\\b${name}=\\d`).test(text));
  const obstacle = xfsObstacle(text, value(/^qflags = (\S+)/m));
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

function xfsObstacle(text: string, quotaFlags: string): string | undefined {
  if (/\bascii-ci=1/.test(text)) return "names that ignore case (ascii-ci)";
  if (!/^log\s+=internal/m.test(text)) return "a log on another device";
  if (!/^realtime =none/m.test(text)) return "a realtime device";
  return Number(quotaFlags) === 0 ? undefined : "disk quotas";
}
