import type { Disk } from "../devices/disk.ts";
import { makeSwap } from "../filesystems/swap.ts";
import type { Host } from "../host/host.ts";
import { damaged, type StreamReader } from "./format/stream-reader.ts";

/** Makes a swap disk anew with the UUID and label it had, so that the guest's fstab and resume still fit. */
export async function restoreSwap(host: Host, disk: Disk, reader: StreamReader): Promise<void> {
  if ((await reader.nextMember()) !== undefined) throw damaged("a swap disk has nothing but a manifest");
  await reader.finish();
  const { uuid, label } = reader.manifest.swap ?? {};
  await makeSwap(host, disk.device, { uuid, label });
}
