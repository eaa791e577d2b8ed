import { filesystemTypes } from "../../filesystems/families.ts";
import type { Setting } from "../setting.ts";
import { oneOf, wholeNumber } from "../value-types.ts";

/** How the disk is divided, and which filesystem it gets. */
export const diskSettings = {
  PARTITION_STYLE: {
    key: "partitionStyle",
    ...oneOf("none", "msdos", "gpt"),
    default: ({ apiVersion }) => (apiVersion === 5 ? "none" : "msdos"),
    defaultWords: "msdos; none with OS API version 5",
    help: "none: no table, the whole disk is formatted. msdos: one bootable partition. gpt: boots by BIOS and by UEFI.",
    perInstance: { name: "partition_style", kind: "public" },
    applies: ["create", "import"],
  },
  PARTITION_ALIGNMENT: {
    key: "partitionAlignment",
    type: wholeNumber(1, 2 ** 31 - 1),
    default: "2048",
    help: "Partitions begin at multiples of this number of sectors.",
    expected: "a number of sectors, 1 or more",
    applies: ["create", "import"],
  },
  PARTITION_MAPPER: {
    key: "partitionMapper",
    ...oneOf("auto", "kpartx", "loop"),
    default: "auto",
    help: "How a partition becomes a device: by kpartx or as a loop device. auto: kpartx where device-mapper works.",
    applies: ["create", "import"],
  },
  OSP_FILESYSTEM: {
    key: "filesystem",
    ...oneOf(...filesystemTypes),
    default: "ext4",
    help: "Type of the root filesystem. Usually given for one instance, as an OS parameter.",
    perInstance: {
      name: "filesystem",
      kind: "public",
      // The same bytes as in the original.
      description:
        "The filesystem type to use for the root partition. This has to be a filesystem type supported by ``mke2fs``. The default is 'ext4'.",
    },
    applies: ["create", "import"],
  },
} as const satisfies Record<string, Setting>;
