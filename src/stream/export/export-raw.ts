import type { Disk } from "../../devices/disk.ts";
import type { RawContent } from "./disk-content.ts";
import type { PreparedContent } from "./export-tree.ts";
import { complement, totalBytes } from "../../devices/blocks/extents.ts";
import { rawPieceName } from "../format/member-names.ts";
import { readPieces } from "../../devices/blocks/raw-blocks.ts";

/** A disk taken as it is: what is neither free nor zero, as pieces. */
export function prepareRaw(disk: Disk, content: RawContent): PreparedContent {
  return {
    version: 1,
    role: "raw",
    manifest: { raw: { reason: content.reason }, notes: [] },
    estimatedBytes: totalBytes(complement(content.free, disk.sizeBytes)),
    async write(writer) {
      for await (const piece of readPieces(disk.device, { start: 0, end: disk.sizeBytes }, content.free)) {
        await writer.member(rawPieceName(piece.offset), piece.bytes);
      }
    },
  };
}
