import { espPartition, type Partition, type PartitionTable } from "../../../devices/partitions/table.ts";
import { familyOf } from "../../../filesystems/families.ts";
import { KnownError } from "../../../host/errors.ts";
import type { Host } from "../../../host/host.ts";
import type { InstalledGuest } from "../../tree/installed-guest.ts";
import { runInTree } from "../../tree/run-in-tree.ts";
import { type Kernel, newestKernel } from "../kernel.ts";
import type { BootPlan } from "../plan.ts";
import { bootDisk, bootDiskRule, bootDiskRules } from "../../storage/boot-disk.ts";
import { embedGrub } from "./bios.ts";
import { installEfiGrub } from "./efi.ts";
import { grubDefaults, writeGrubMenu } from "./menu.ts";
import type { GrubPlatform } from "./platforms.ts";

/** Installs grub for each platform of the guest, its first menu, and what its packages need to keep it up to date. */
export async function installGrub(host: Host, guest: InstalledGuest, plan: BootPlan): Promise<void> {
  const { table, partition } = guest.root;
  if (table === undefined || partition === undefined) throw new Error("grub needs a partition table");
  const kernel = await requireKernel(guest);
  for (const platform of plan.platforms) {
    if (platform.efiFile !== undefined) await installEfi(host, guest, table, platform);
    else if (table.sectorSize === 512) await installBios(host, guest, table, partition);
    else host.log.warn("a BIOS cannot start from a disk with sectors of 4096 bytes: grub is installed for UEFI only");
  }
  await writeGrubMenu(guest, kernel, plan.console, true);
  await guest.files.write("/etc/default/grub.d/instance.cfg", grubDefaults(plan.console), { mode: 0o644 });
  await prepareUpgrades(host, guest, table);
}

async function requireKernel({ files }: InstalledGuest): Promise<Kernel> {
  const kernel = await newestKernel(files);
  if (kernel !== undefined) return kernel;
  throw new KnownError("the guest has no kernel that grub could start", {
    hint: "set KERNEL to auto or to a kernel's package; an edited or pre-seeded cache must hold one",
  });
}

// Like grub-install: the modules beside the core image, which finds them in this partition of the disk the BIOS started.
const biosScript = `
mkdir -p /boot/grub/i386-pc
cp /usr/lib/grub/i386-pc/*.mod /usr/lib/grub/i386-pc/*.lst /usr/lib/grub/i386-pc/boot.img /boot/grub/i386-pc/
prefix=$1; shift
grub-mkimage --format=i386-pc --output=/boot/grub/i386-pc/core.img --prefix="$prefix" biosdisk "$@"`;

async function installBios(
  host: Host,
  guest: InstalledGuest,
  table: PartitionTable,
  partition: Partition,
): Promise<void> {
  const prefix = `(,${table.style}${String(partition.number)})/boot/grub`;
  const modules = [`part_${table.style}`, familyOf(guest.filesystem.type).grubModule];
  await runInTree(host, guest.files.root, biosScript, [prefix, ...modules]);
  await embedGrub(guest.root.disk.device, table, guest.files);
}

async function installEfi(
  host: Host,
  guest: InstalledGuest,
  table: PartitionTable,
  platform: GrubPlatform,
): Promise<void> {
  const esp = espPartition(table);
  if (esp === undefined) throw new KnownError("the disk has no EFI system partition, which grub needs for UEFI");
  await installEfiGrub(host, guest, esp, platform);
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

async function prepareUpgrades(host: Host, { files }: InstalledGuest, table: PartitionTable): Promise<void> {
  await files.write(bootDiskRules, bootDiskRule(table.id), { mode: 0o644 });
  await runInTree(host, files.root, answersScript, [bootDisk]);
}
