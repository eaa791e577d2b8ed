import type { Command, NewFilesystem } from "../family.ts";
import type { Feature } from "../features.ts";
import type { ExtType } from "./facts.ts";

/** Features of mke2fs' default filesystem, newest first. */
// e2fsprogs' release notes, ext4(5); Debian #1031622; grub's fs/ext2.c (checksum seed: 2.12).
export const extFeatureAges: readonly Feature[] = [
  { name: "orphan_file", off: ["-O", "^orphan_file"], kernel: "5.15", e2fsprogs: "1.47.0" },
  {
    name: "metadata_csum_seed",
    off: ["-O", "^metadata_csum_seed"],
    kernel: "4.4",
    grub: "2.12",
    e2fsprogs: "1.43",
    notForExtlinux: true,
  },
  { name: "metadata_csum", off: ["-O", "^metadata_csum"], kernel: "3.18", e2fsprogs: "1.43", notForExtlinux: true },
  { name: "64bit", off: ["-O", "^64bit"], kernel: "2.6.28", grub: "1.99", e2fsprogs: "1.43", notForExtlinux: true },
];

/** The command that makes ext2, ext3 or ext4: mke2fs itself, with the type told; mkfs.TYPE is only a name of it. */
export function mke2fs(device: string, { type, uuid, label, discard, options }: NewFilesystem<ExtType>): Command {
  return [
    ...(["mke2fs", "-t", type, "-q", "-F"] as const),
    ...(discard ? [] : ["-E", "nodiscard"]),
    ...options,
    ...["-U", uuid],
    ...(label === undefined || label === "" ? [] : ["-L", label]),
    device,
  ];
}
