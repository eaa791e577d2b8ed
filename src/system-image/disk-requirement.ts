import { familyOf, type FilesystemType } from "../filesystems/families.ts";
import type { TreeSize } from "./tree/tar.ts";

/** The smallest disk that is accepted: `bytes` for the filesystem's device, `inodes` in its root filesystem. */
export interface Requirement {
  readonly bytes: number;
  readonly inodes: number;
}

const mebibyte = 1024 * 1024;

/** Room for hostname, keys, network files, a boot loader's files and a first start's logs. */
const configuration = { bytes: 8 * mebibyte, inodes: 256 };

/** What a device must offer for `tree` on a filesystem of this type, its own overhead included. */
export function requirementFor(tree: TreeSize, filesystem: FilesystemType): Requirement {
  const { fixed, share, minimum } = familyOf(filesystem).overhead(filesystem);
  const bytes = (tree.bytes + configuration.bytes + fixed) / (1 - share);
  return { bytes: Math.ceil(Math.max(bytes, minimum)), inodes: tree.inodes + configuration.inodes };
}
