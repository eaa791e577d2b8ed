import type { Host } from "../../host/host.ts";
import type { InstalledGuest } from "../tree/installed-guest.ts";
import { installExtlinux } from "./extlinux/install.ts";
import { installGrub } from "./grub/install.ts";
import { writeGrubMenu } from "./grub/menu.ts";
import { forgoResume } from "./initramfs.ts";
import { linkedKernel, newestKernel } from "./kernel.ts";
import type { BootPlan } from "./plan.ts";

/**
 * Makes a guest bootable that was just installed: kernel and boot loader are there as packages, here comes what depends
 * on the disk. Runs programs of the tree, so call it before anybody else could change the tree.
 */
export async function installBoot(host: Host, guest: InstalledGuest, plan: BootPlan): Promise<void> {
  await forgoResume(guest.files);
  switch (plan.loader) {
    case "grub":
      await host.log.phase("install grub", () => installGrub(host, guest, plan));
      break;
    case "extlinux":
      await host.log.phase("install extlinux", () => installExtlinux(host, guest, plan));
      break;
    case "none":
      await writeMenuForPygrub(guest, plan);
  }
}

// A guest with a kernel but no boot loader is started by pygrub or pvgrub, which read this menu from the filesystem.
async function writeMenuForPygrub(guest: InstalledGuest, plan: BootPlan): Promise<void> {
  const newest = await newestKernel(guest.files);
  if (newest === undefined || (await guest.files.exists("/boot/grub/grub.cfg"))) return;
  await writeGrubMenu(guest, await linkedKernel(guest.files, newest), plan.console, false);
}
