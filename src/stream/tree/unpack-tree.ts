import { startConfined, type Target } from "../../host/process/confined.ts";
import type { Host } from "../../host/host.ts";
import { endMarker } from "../format/checksum.ts";
import { coalescing, isBrokenPipe, streamSink } from "../pipe/byte-sink.ts";
import { treeName } from "../format/member-names.ts";
import { damaged, printable, type ReceivedMember, type StreamReader } from "../format/stream-reader.ts";
import type { TarMember } from "../format/tar-scanner.ts";
import { tarAttributes } from "./pack-tree.ts";

export interface UnpackOptions {
  /** Files made before (see prepareEmptyFiles) are written to, instead of replaced. */
  readonly overwrite?: boolean;
}

const unpackCommand = [
  "tar",
  "--extract",
  "--file=-",
  "--preserve-permissions",
  "--same-owner",
  // The guest's clock may have been ahead.
  "--warning=no-timestamp",
  ...tarAttributes,
] as const;

/**
 * Unpacks the members of the tree, of which `first` has been read, into the empty filesystem at `target`, and returns
 * the member that follows them (undefined: the checksum). Throws KnownError for a member that is not of the tree's shape.
 */
export async function unpackTree(
  host: Host,
  target: Target,
  first: ReceivedMember,
  reader: StreamReader,
  { overwrite = false }: UnpackOptions = {},
): Promise<ReceivedMember | undefined> {
  const tar = startConfined(host, target, [...unpackCommand, ...(overwrite ? ["--overwrite"] : [])], { stdin: "pipe" });
  // Observed here too: it may end while we wait for the stream.
  tar.done.catch(() => undefined);
  try {
    if (tar.stdin === undefined) return await tar.done.then(() => undefined);
    const sink = coalescing(streamSink(tar.stdin, host.signal));
    let received: ReceivedMember | undefined = first;
    while (received !== undefined && isOfTree(received.member)) {
      requireInside(received.member);
      await sink.write(received.header);
      for (let part = await reader.nextPart(); part !== undefined; part = await reader.nextPart())
        await sink.write(part);
      received = await reader.nextMember();
    }
    await sink.write(endMarker);
    await sink.end();
    await tar.done;
    return received;
  } catch (error) {
    // A tar that ended by itself says more than our broken pipe to it.
    if (isBrokenPipe(error)) await tar.done;
    tar.kill();
    await tar.done.catch(() => undefined);
    throw error;
  }
}

/** Whether a member belongs to the tree. */
export function isOfTree({ name }: TarMember): boolean {
  return name === treeName || name.startsWith(`${treeName}/`);
}

// tar itself is confined; this is for a clear message.
function requireInside({ name, linkName, type }: TarMember): void {
  if (!isInside(name)) throw damaged(`its member ${printable(name)} would lie outside the tree`);
  if (type === "1" && !(isInside(linkName) && linkName.startsWith(`${treeName}/`))) {
    throw damaged(`its member ${printable(name)} is a hard link out of the tree`);
  }
}

function isInside(name: string): boolean {
  return !name.includes("\0") && !name.split("/").includes("..");
}
