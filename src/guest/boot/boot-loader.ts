import type { Host } from "../../host/host.ts";
import { decideBootLoader } from "./choice.ts";
import type { BootTarget } from "../boot-loader-target.ts";
import { installExtlinux } from "./extlinux.ts";
import { distributorName, installGrub } from "./grub.ts";
import { grubConfig } from "./grub-config.ts";
import { forgoResume } from "./initramfs.ts";
import { bootConsole } from "./kernel-command-line.ts";
import { linkedKernel, newestKernel } from "./kernel.ts";

export { checkBootLoader } from "./checks.ts";
export { type BootLoader, decideBootLoader } from "./choice.ts";
export { bootPackages } from "./packages.ts";
export type { BootTarget } from "../boot-loader-target.ts";

/**
 * Makes a guest bootable that was just installed: kernel and boot loader are there as packages ({@link bootPackages}),
 * here comes what depends on the disk. Runs programs of the tree, so call it before anybody else could change the tree.
 */
export async function installBootLoader(host: Host, target: BootTarget): Promise<void> {
  const loader = decideBootLoader(target.config, target.instance);
  await forgoResume(target.files);
  switch (loader) {
    case "grub":
      await host.log.phase("install grub", () => installGrub(host, target));
      break;
    case "extlinux":
      await host.log.phase("install extlinux", () => installExtlinux(host, target));
      break;
    case "none":
      await writeMenuForPygrub(target);
  }
}

// A guest with a kernel but no boot loader is started by pygrub or pvgrub, which read this menu from the filesystem.
async function writeMenuForPygrub({ files, config, instance, filesystem }: BootTarget): Promise<void> {
  const newest = await newestKernel(files);
  if (newest === undefined || (await files.exists("/boot/grub/grub.cfg"))) return;
  const menu = grubConfig({
    kernel: await linkedKernel(files, newest),
    uuid: filesystem.uuid,
    console: bootConsole(instance, config.arch),
    distributor: await distributorName(files.read("/etc/os-release")),
    serial: false,
  });
  await files.write("/boot/grub/grub.cfg", menu, { mode: 0o644 });
}
