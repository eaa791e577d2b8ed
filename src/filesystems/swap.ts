import { randomUUID } from "node:crypto";
import type { Extent } from "../devices/blocks/extents.ts";
import type { Host } from "../host/host.ts";
import { run } from "../host/process/run.ts";

/** A swap area that was made. */
export interface Swap {
  readonly device: string;
  readonly uuid: string;
}

export interface SwapOptions {
  /** Default: random. */
  readonly uuid?: string | undefined;
  readonly label?: string | undefined;
}

/** Makes the whole device a swap area (mkswap(8)). Whatever was on it is gone. */
export async function makeSwap(host: Host, device: string, options: SwapOptions = {}): Promise<Swap> {
  const uuid = options.uuid ?? randomUUID();
  const label = options.label === undefined || options.label === "" ? [] : ["--label", options.label];
  // --force: an old partition table or filesystem is no reason to refuse.
  await run(host, ["mkswap", "--force", "--uuid", uuid, ...label, device]);
  return { device, uuid };
}

/** Where a swap area at rest keeps nothing: mkswap(8) writes its header into the first page; pages have up to 64 KiB. */
export function freeSpaceOfSwap(bytes: number): readonly Extent[] {
  return [{ start: Math.min(64 * 1024, bytes), end: bytes }];
}
