import { familyOf } from "../../filesystems/families.ts";
import { KnownError } from "../../host/errors.ts";
import type { Host } from "../../host/host.ts";
import { start } from "../../host/process/run.ts";
import type { ByteSink } from "../pipe/byte-sink.ts";
import type { DiskContent } from "./disk-content.ts";
import { createDumpScanner } from "../format/dump-scanner.ts";

/** Throws KnownError for a disk that dump(8) cannot carry whole, in words for EXPORT_FORMAT=dump. */
export function requireDumpable(disk: string, content: DiskContent): void {
  const obstacle = dumpObstacle(content);
  if (obstacle === undefined) return;
  throw new KnownError(`disk ${disk} cannot be exported by dump: ${obstacle}`, {
    hint: "export it with EXPORT_FORMAT=tar, which takes any disk",
  });
}

function dumpObstacle(content: DiskContent): string | undefined {
  if (content.kind === "swap") return "it is swap space";
  if (content.kind === "raw") return content.reason;
  if (!familyOf(content.facts.type).readByDump)
    return `it holds ${content.facts.type}, and dump reads only ext2, ext3 and ext4`;
  // dump 0.4b47 writes such files empty, and says nothing.
  const inline =
    "features" in content.facts &&
    Array.isArray(content.facts.features) &&
    content.facts.features.includes("inline_data");
  return inline ? "its ext4 stores small files in inodes (inline_data), which dump would leave empty" : undefined;
}

/** Dumps a filesystem as the original export did, with its structure checked on the way. */
export async function writeDump(host: Host, device: string, output: ByteSink): Promise<number> {
  const dump = start(host, ["dump", "-0", "-q", "-f", "-", device], { stdout: "pipe", isolated: true });
  const scanner = createDumpScanner();
  try {
    for await (const chunk of (dump.stdout ?? []) as AsyncIterable<Buffer>) {
      scanner.push(chunk);
      await output.write(chunk);
    }
  } catch (error) {
    dump.kill();
    await dump.done.catch(() => undefined);
    throw error;
  }
  await dump.done;
  const { bytes } = scanner.finish();
  await output.end();
  return bytes;
}
