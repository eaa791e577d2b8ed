import { complement, totalBytes } from "../../devices/blocks/extents.ts";
import type { Disk } from "../../devices/disk.ts";
import { type Allocation, readableExtents, readExtAllocation } from "../../filesystems/ext/allocation.ts";
import { freeSpaceOfDirtyExt } from "../../filesystems/ext/replayed-journal.ts";
import type { Host } from "../../host/host.ts";
import { bootAreaName, usedBlocksName } from "../format/member-names.ts";
import type { ImageWriter } from "../image/image-writer.ts";
import { sendBlocks } from "../image/send-blocks.ts";
import { boundedExtents, encodeUsedBlocks } from "../image/used-blocks.ts";
import type { ImageContent } from "./disk-content.ts";
import { describeLayout, imagePartitions, type PreparedContent, readBootArea, writeImage } from "./export-tree.ts";

/** The blocks of a filesystem made ready to be written. */
export interface PreparedImage extends Omit<PreparedContent, "version" | "write"> {
  readonly version: 2;
  write(writer: ImageWriter): Promise<void>;
}

/** Finds out which blocks of a filesystem are used, and what boots it. */
export async function prepareImage(
  host: Host,
  disk: Disk,
  content: ImageContent,
  role: "root" | "data",
): Promise<PreparedImage> {
  const { facts, table, journal } = content;
  const bytes = facts.blocks * facts.blockSize;
  const allocation = await readAllocation(host, content, bytes);
  const used = encodeUsedBlocks(boundedExtents(complement(allocation.free, bytes)));
  const readable = readableExtents(allocation, bytes);
  const bootArea = await readBootArea(disk, table);
  return {
    version: 2,
    role,
    manifest: {
      layout: describeLayout(content),
      filesystem: facts,
      used: { bytes: allocation.usedBytes, inodes: allocation.usedInodes },
      image: { bytes, blockSize: facts.blockSize, journal, usedBlocks: used.length },
      ...(bootArea === undefined ? {} : { bootArea: bootArea.length }),
      notes: journal === "clean" ? [] : ["the filesystem's journal is replayed by import"],
    },
    estimatedBytes: totalBytes(readable),
    async write(writer) {
      if (bootArea !== undefined) await writer.member(bootAreaName, bootArea);
      for (const partition of imagePartitions(content)) await writeImage(disk, table, partition, writer);
      await writer.member(usedBlocksName, used);
      await sendBlocks(host, disk.device, content.start, readable, writer);
    },
  };
}

// Of an unreplayed journal: what is free both before and after its replay, and no inode table is known to be unused.
async function readAllocation(host: Host, { device, journal }: ImageContent, bytes: number): Promise<Allocation> {
  const allocation = await readExtAllocation(host, device);
  if (journal === "clean") return allocation;
  return { ...allocation, free: await freeSpaceOfDirtyExt(host, device, bytes), unusedInodes: [] };
}
