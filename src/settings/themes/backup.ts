import type { Setting } from "../setting.ts";
import { oneOf, yesOrNo } from "../value-types.ts";

/** How backups are written and restored. */
export const backupSettings = {
  EXPORT_COMPRESSION: {
    key: "exportCompression",
    ...oneOf("none", "zstd", "gzip"),
    default: "none",
    help: "Compression of exports. Ganeti can compress as well (gnt-cluster modify --compression-tools).",
    applies: ["export"],
  },
  EXPORT_FORMAT: {
    key: "exportFormat",
    ...oneOf("auto", "image", "tar", "dump"),
    default: "auto",
    help: "Format of exports. image: used blocks, of ext2, ext3 and ext4 only. tar: files. auto: an image where possible, else tar. dump: nodes with the older bash scripts can read it; ext2, ext3 and ext4 only.",
    applies: ["export"],
  },
  IMPORT_NEW_UUIDS: {
    key: "importNewUuids",
    ...yesOrNo,
    default: "no",
    help: "yes: an imported filesystem gets new identifiers, and the guest's files that refer to them are rewritten.",
    applies: ["import"],
  },
} as const satisfies Record<string, Setting>;
