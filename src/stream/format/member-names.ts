/** Name of the member with the disk before its first partition. */
export const bootAreaName = "boot-area.bin";
/** Name of the member with what stands before the filesystem's superblock. */
export const bootBlockName = "boot-block.bin";
/** Name of the member with the inode flags of the tree. */
export const inodeFlagsName = "inode-flags";
/** Directory of the tree's members; also what tar is told to pack and unpacks to. */
export const treeName = "root";

/** Name of a piece of a raw disk. `offset` in bytes. */
export function rawPieceName(offset: number): string {
  return `raw/${digits(offset)}`;
}

/** Name of the member with the list of a filesystem's used blocks. */
export const usedBlocksName = "used-blocks";

/** Name of a piece of a filesystem that is kept as an image. */
export function blocksName(offset: number): string {
  return `blocks/${digits(offset)}`;
}

/** Name of a piece of a partition that is kept as an image. */
export function partitionPieceName(number: number, offset: number): string {
  return `partitions/${String(number)}/${digits(offset)}`;
}

// Of one length, so that names sort as the pieces lie.
function digits(offset: number): string {
  return String(offset).padStart(16, "0");
}
