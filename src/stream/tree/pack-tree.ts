import { startConfined, type Target } from "../../host/process/confined.ts";
import { KnownError } from "../../host/errors.ts";
import type { Host } from "../../host/host.ts";
import { treeName } from "../format/member-names.ts";
import type { StreamWriter } from "../format/stream-writer.ts";
import { tarBlock } from "../format/tar-header.ts";
import { createTarScanner } from "../format/tar-scanner.ts";

/** GNU tar's arguments for whatever a file can have; the same on both sides. */
export const tarAttributes = ["--numeric-owner", "--acls", "--selinux", "--xattrs", "--xattrs-include=*"] as const;

const packCommand = [
  "tar",
  "--create",
  "--file=-",
  // 64 KiB a write.
  "--blocking-factor=128",
  "--format=posix",
  // Times of access and change cannot be restored, and cost a header for each file.
  "--pax-option=delete=atime,delete=ctime",
  "--sparse",
  "--sort=inode",
  ...tarAttributes,
  treeName,
] as const;

/** Packs a mounted tree with GNU tar into the stream. Throws CommandError when anything of it could not be read. */
export async function packTree(host: Host, target: Target, writer: StreamWriter): Promise<void> {
  const tar = startConfined(host, target, [...packCommand], { stdout: "pipe", stderr: "log" });
  try {
    if (tar.stdout !== undefined) await passMembers(tar.stdout as AsyncIterable<Buffer>, writer);
  } catch (error) {
    tar.kill();
    await tar.done.catch(() => undefined);
    throw error;
  }
  await tar.done;
}

// All but the end marker: what stood behind it would be hidden from tar. The marker is found by walking the headers.
async function passMembers(chunks: AsyncIterable<Buffer>, writer: StreamWriter): Promise<void> {
  const scanner = createTarScanner();
  let rest = Buffer.alloc(0);
  let position = 0;
  for await (const chunk of chunks) {
    const bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    const whole = bytes.subarray(0, bytes.length - (bytes.length % tarBlock));
    rest = Buffer.from(bytes.subarray(whole.length));
    scanner.push(whole);
    const members = whole.subarray(0, Math.max(0, scanner.endsAt - position));
    position += whole.length;
    if (members.length > 0) await writer.members(members);
  }
  if (!scanner.ended) throw new KnownError("tar ended before the end of its archive");
}
