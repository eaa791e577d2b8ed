import { makeEsp } from "../../../devices/partitions/esp.ts";
import type { Partition } from "../../../devices/partitions/table.ts";
import { grubModules } from "../../../filesystems/families.ts";
import { KnownError } from "../../../host/errors.ts";
import type { Host } from "../../../host/host.ts";
import type { RootedFiles } from "../../../host/files/rooted-files.ts";
import type { InstalledGuest } from "../../tree/installed-guest.ts";
import { addToFstab } from "../../storage/fstab.ts";
import { runInTree } from "../../tree/run-in-tree.ts";
import { espGrubConfig } from "./menu.ts";
import type { GrubPlatform } from "./platforms.ts";

// What reading the menu and starting a kernel takes: firmware that lacks a driver for the disk could not load more.
// prettier-ignore
const modules = [
  "part_gpt", "part_msdos", "fat", ...grubModules, "search", "search_fs_uuid", "regexp", "normal", "configfile",
  "linux", "boot", "gzio", "echo", "test", "true", "sleep", "minicmd", "loadenv", "all_video", "serial", "terminal",
];

const efiScript = `
target=$1; shift
mkdir -p "/boot/grub/$target" /boot/efi
cp "/usr/lib/grub/$target"/*.mod "/usr/lib/grub/$target"/*.lst "/boot/grub/$target/"
grub-mkimage --format="$target" --output="/boot/grub/$target/core.efi" --prefix=/EFI/BOOT "$@"`;

/**
 * Formats the EFI system partition and puts grub where every UEFI firmware looks for a loader without being told: the
 * removable medium's path. The guest mounts the partition at /boot/efi.
 */
export async function installEfiGrub(
  host: Host,
  guest: InstalledGuest,
  esp: Partition,
  platform: GrubPlatform,
): Promise<void> {
  const { files, root, filesystem } = guest;
  await runInTree(host, files.root, efiScript, [platform.target, ...modules]);
  const program = await readProgram(files, `/boot/grub/${platform.target}/core.efi`);
  const menu = espGrubConfig(filesystem.uuid, root.partition?.number ?? 3);
  const { volumeId } = await makeEsp(host, root.disk, esp, {
    [`/EFI/BOOT/${platform.efiFile ?? ""}`]: program,
    "/EFI/BOOT/grub.cfg": Buffer.from(menu),
  });
  // Not checked at boot: the guest starts without it, and need not have a fsck for vfat.
  await addToFstab(files, {
    spec: `UUID=${volumeId}`,
    mountPoint: "/boot/efi",
    type: "vfat",
    options: "umask=0077,nofail",
    pass: 0,
  });
}

async function readProgram(files: RootedFiles, path: string): Promise<Buffer> {
  const program = await files.readBytes(path, { maxBytes: 16 * 1024 * 1024 });
  if (program === undefined) throw new KnownError(`grub-mkimage left no ${path} in the guest`);
  return program;
}
