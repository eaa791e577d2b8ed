import { editDisk } from "../../../devices/blocks/edit-disk.ts";
import { KnownError } from "../../../host/errors.ts";
import type { Host } from "../../../host/host.ts";
import type { RootedFiles } from "../../../host/files/rooted-files.ts";
import type { InstanceConsole } from "../../console/serial-console.ts";
import type { InstalledGuest } from "../../tree/installed-guest.ts";
import { runInTree } from "../../tree/run-in-tree.ts";
import { type Kernel, linkedKernel, newestKernel, rootArguments } from "../kernel.ts";
import type { BootPlan } from "../plan.ts";

const directory = "/boot/extlinux";
/** The boot sector's code ends where the disk's identifier begins. */
const codeBytes = 440;
/** syslinux-common's, and where it was before Debian 8. */
const bootCodes = ["/usr/lib/syslinux/mbr/mbr.bin", "/usr/lib/syslinux/mbr.bin"];

/** Installs extlinux to the root partition, its menu, and syslinux's boot code to the disk. */
export async function installExtlinux(host: Host, guest: InstalledGuest, { console }: BootPlan): Promise<void> {
  const { files, root, filesystem } = guest;
  const newest = await newestKernel(files);
  if (newest === undefined) {
    throw new KnownError("the guest has no kernel that extlinux could start", { hint: "set KERNEL=auto" });
  }
  // extlinux's package renews no menu when a kernel is upgraded: the links of the kernel packages stay right.
  const menu = extlinuxConfig(await linkedKernel(files, newest), filesystem.uuid, console);
  await files.write(`${directory}/extlinux.conf`, menu, { mode: 0o644 });
  // It looks its own filesystem up by the device that is mounted, and writes the partition's boot sector.
  await runInTree(host, files.root, 'extlinux --install "$1"', [directory], { device: root.device });
  const code = await bootCode(files);
  await editDisk(root.disk.device, async (disk) => {
    await disk.write(code, 0, code.length, 0);
  });
}

/** /boot/extlinux/extlinux.conf (https://wiki.syslinux.org/wiki/index.php?title=Config). */
export function extlinuxConfig(kernel: Kernel, uuid: string, console: InstanceConsole): string {
  return [
    "# The kernel by the links its packages keep; yours to change.",
    ...(console.serialSpeed === undefined ? [] : [`SERIAL 0 ${String(console.serialSpeed)}`]),
    "DEFAULT linux",
    "PROMPT 0",
    "TIMEOUT 20",
    "",
    "LABEL linux",
    `  LINUX ${kernel.image}`,
    ...(kernel.initrd === undefined ? [] : [`  INITRD ${kernel.initrd}`]),
    `  APPEND ${rootArguments(uuid, console)}`,
    "",
  ].join("\n");
}

async function bootCode(files: RootedFiles): Promise<Buffer> {
  for (const path of bootCodes) {
    const code = await files.readBytes(path);
    if (code === undefined) continue;
    if (code.length > codeBytes) throw new KnownError(`${path} in the guest is longer than a boot sector's code`);
    return code;
  }
  throw new KnownError("the guest has no boot code of syslinux", { hint: "is syslinux-common among its packages?" });
}
