import { type FileHandle, open } from "node:fs/promises";
import type { Owned } from "../../host/disposal.ts";
import { KnownError, messageOf } from "../../host/errors.ts";
import type { Host } from "../../host/host.ts";
import { run } from "../../host/process/run.ts";
import type { Extent } from "./extents.ts";

/** Writes to a part of a block device; offsets count from its start. */
export interface DiskWriter extends Owned {
  write(offset: number, bytes: Buffer): Promise<void>;
  /** Makes a range read as zeros. */
  zero(offset: number, length: number): Promise<void>;
}

// Above this size a process of blkdiscard(8) costs less than writing.
const manyBytes = 8 * 1024 * 1024;
const zeros = Buffer.alloc(1024 * 1024);

/** Opens a part of a device for writing. Writing beyond its end throws. */
export async function openDiskWriter(host: Host, device: string, range: Extent): Promise<DiskWriter> {
  const file = await open(device, "r+");
  const write = async (offset: number, bytes: Buffer): Promise<void> => {
    if (offset < 0 || range.start + offset + bytes.length > range.end) {
      throw new KnownError(`the backup writes beyond the end of ${device}`);
    }
    await writeFully(file, device, bytes, range.start + offset);
  };
  return {
    write,
    async zero(offset, length) {
      if (length >= manyBytes && (await zeroOut(host, device, range.start + offset, length))) return;
      for (let done = 0; done < length; done += zeros.length) {
        host.signal.throwIfAborted();
        await write(offset + done, zeros.subarray(0, Math.min(zeros.length, length - done)));
      }
    },
    [Symbol.asyncDispose]: () => file.close(),
  };
}

async function writeFully(file: FileHandle, device: string, bytes: Buffer, position: number): Promise<void> {
  try {
    for (let done = 0; done < bytes.length;) {
      const { bytesWritten } = await file.write(bytes, done, bytes.length - done, position + done);
      done += bytesWritten;
    }
  } catch (cause) {
    throw new KnownError(`cannot write to ${device}: ${messageOf(cause)}`, { cause });
  }
}

// The kernel does it at once where the medium can (WRITE ZEROES, a hole in a file), otherwise by writing. It takes
// whole sectors only, so other ranges are written here.
async function zeroOut(host: Host, device: string, offset: number, length: number): Promise<boolean> {
  if (offset % 4096 !== 0 || length % 4096 !== 0) return false;
  const range = ["--offset", String(offset), "--length", String(length)];
  const { exitCode } = await run(host, ["blkdiscard", "--force", "--zeroout", ...range, device], { accept: [0, 1] });
  return exitCode === 0;
}
