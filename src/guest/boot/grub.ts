import type { Partition, PartitionTable } from "../../devices/partitions/table.ts";
import { espPartition } from "../../devices/partitions/table.ts";
import { KnownError } from "../../host/errors.ts";
import type { Host } from "../../host/host.ts";
import { runInTree } from "./chroot.ts";
import type { BootTarget } from "../boot-loader-target.ts";
import { embedGrub } from "./grub-bios.ts";
import { grubConfig, grubDefaults } from "./grub-config.ts";
import { installEfiGrub } from "./grub-efi.ts";
import { type GrubPlatform, grubPlatforms } from "./grub-platforms.ts";
import { bootConsole } from "./kernel-command-line.ts";
import { type Kernel, newestKernel } from "./kernel.ts";

/** grub's module for each filesystem. */
const filesystemModules: Readonly<Record<string, string>> = {
  ext2: "ext2",
  ext3: "ext2",
  ext4: "ext2",
  xfs: "xfs",
  btrfs: "btrfs",
};

/**
 * The name by which the guest's packages find the disk to renew grub on: a link made by udev from the disk's own
 * identifier, the same on every bus.
 */
const bootDisk = "/dev/disk/by-id/boot-disk";
const bootDiskRules = "/etc/udev/rules.d/61-boot-disk.rules";

/** Installs grub for each platform of the guest, its first menu, and what its packages need to keep it up to date. */
export async function installGrub(host: Host, target: BootTarget): Promise<void> {
  const { table, partition } = target.root;
  if (table === undefined || partition === undefined) throw new Error("grub needs a partition table");
  const kernel = await requireKernel(target);
  for (const platform of grubPlatforms(target.config)) {
    if (platform.efiFile !== undefined) await installEfi(host, target, table, platform);
    else if (table.sectorSize === 512) await installBios(host, target, table, partition);
    else host.log.warn("a BIOS cannot start from a disk with sectors of 4096 bytes: grub is installed for UEFI only");
  }
  await writeMenu(target, kernel);
  await prepareUpgrades(host, target, table);
}

async function requireKernel({ files, config }: BootTarget): Promise<Kernel> {
  const kernel = await newestKernel(files);
  if (kernel !== undefined) return kernel;
  throw new KnownError("the guest has no kernel that grub could start", {
    hint: `KERNEL=${config.kernel}: set it to auto or to a kernel's package; an edited or pre-seeded cache must hold one`,
  });
}

// Like grub-install: the modules beside the core image, which finds them in this partition of the disk the BIOS started.
const biosScript = `
mkdir -p /boot/grub/i386-pc
cp /usr/lib/grub/i386-pc/*.mod /usr/lib/grub/i386-pc/*.lst /usr/lib/grub/i386-pc/boot.img /boot/grub/i386-pc/
prefix=$1; shift
grub-mkimage --format=i386-pc --output=/boot/grub/i386-pc/core.img --prefix="$prefix" biosdisk "$@"`;

async function installBios(host: Host, target: BootTarget, table: PartitionTable, partition: Partition): Promise<void> {
  const prefix = `(,${table.style}${String(partition.number)})/boot/grub`;
  const modules = [`part_${table.style}`, filesystemModules[target.config.filesystem] ?? "ext2"];
  await runInTree(host, target.files.root, biosScript, [prefix, ...modules]);
  await embedGrub(target.root.disk.device, table, target.files);
}

async function installEfi(
  host: Host,
  target: BootTarget,
  table: PartitionTable,
  platform: GrubPlatform,
): Promise<void> {
  const esp = espPartition(table);
  if (esp === undefined) throw new KnownError("the disk has no EFI system partition, which grub needs for UEFI");
  await installEfiGrub(host, target, esp, platform);
}

async function writeMenu({ files, config, instance, filesystem }: BootTarget, kernel: Kernel): Promise<void> {
  const console = bootConsole(instance, config.arch);
  const distributor = await distributorName(files.read("/etc/os-release"));
  const menu = grubConfig({ kernel, uuid: filesystem.uuid, console, distributor, serial: true });
  await files.write("/boot/grub/grub.cfg", menu, { mode: 0o644 });
  await files.write("/etc/default/grub.d/instance.cfg", grubDefaults(console), { mode: 0o644 });
}

/** NAME of os-release(5). */
export async function distributorName(osRelease: Promise<string | undefined>): Promise<string> {
  return /^NAME="?([^"\n]*)"?$/m.exec((await osRelease) ?? "")?.[1] ?? "Linux";
}

// grub-pc's maintainer script installs grub to the devices of this answer, and fails the upgrade where one is missing.
const answersScript = `
if [ -x /usr/bin/debconf-set-selections ]; then
  debconf-set-selections <<END
grub-pc grub-pc/install_devices multiselect $1
grub-pc grub-pc/install_devices_empty boolean false
grub-efi-arm64 grub2/force_efi_extra_removable boolean true
grub-efi-arm64 grub2/update_nvram boolean false
END
fi`;

async function prepareUpgrades(host: Host, { files }: BootTarget, table: PartitionTable): Promise<void> {
  const id = table.id.replace(/^0x/i, "").toLowerCase();
  const rule = `SUBSYSTEM=="block", ENV{DEVTYPE}=="disk", ENV{ID_PART_TABLE_UUID}=="${id}", SYMLINK+="${bootDisk.replace("/dev/", "")}"`;
  await files.write(
    bootDiskRules,
    `# The disk that the package grub-pc installs grub on (debconf: grub-pc/install_devices), by its identifier.\n${rule}\n`,
    { mode: 0o644 },
  );
  await runInTree(host, files.root, answersScript, [bootDisk]);
}
