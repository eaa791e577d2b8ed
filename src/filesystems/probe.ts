import type { Host } from "../host/host.ts";
import { run } from "../host/process/run.ts";
import { type Inspection, familyOf, isFilesystemType } from "./families.ts";

/** What blkid finds on a device. `type` as blkid names it: `ext4`, `swap`, `LVM2_member`, `crypto_LUKS`, ... */
export interface Probe {
  readonly type: string;
  readonly uuid: string | undefined;
  readonly label: string | undefined;
}

/**
 * Probes the device itself (`blkid -p`: never its cache) for a filesystem or another known content. Undefined when there
 * is none, or when signatures of several kinds make it ambivalent.
 */
export async function probeFilesystem(host: Host, device: string): Promise<Probe | undefined> {
  const { stdout, exitCode } = await run(host, ["blkid", "--probe", "--output", "export", device], {
    accept: [0, 2, 8],
  });
  if (exitCode === 8) host.log.warn(`${device} carries signatures of several kinds: its content counts as unknown`);
  return exitCode === 0 ? parseProbe(stdout) : undefined;
}

/** Parses `blkid --output export`: NAME=value lines, special characters escaped by a backslash. */
export function parseProbe(text: string): Probe | undefined {
  const values = new Map(
    text.split("\n").flatMap((line) => {
      const at = line.indexOf("=");
      return at < 0 ? [] : [[line.slice(0, at), line.slice(at + 1).replace(/\\(.)/g, "$1")] as const];
    }),
  );
  const type = values.get("TYPE");
  if (type === undefined) return undefined;
  return { type, uuid: values.get("UUID"), label: values.get("LABEL") };
}

/** Inspects a filesystem of a type as blkid(8) names it; undefined for those that are not taken as a tree. */
export async function inspectFilesystem(host: Host, device: string, type: string): Promise<Inspection | undefined> {
  return isFilesystemType(type) ? await familyOf(type).inspect(host, device, type) : undefined;
}

/** Whether another block device of this node has a filesystem with this UUID. */
export async function isUuidTaken(host: Host, uuid: string): Promise<boolean> {
  const { exitCode } = await run(host, ["blkid", "--cache-file", "/dev/null", "--match-token", `UUID=${uuid}`], {
    accept: [0, 2],
  });
  return exitCode === 0;
}
