import type { InstanceConsole } from "../../console/serial-console.ts";
import type { InstalledGuest } from "../../tree/installed-guest.ts";
import { type Kernel, rootArguments } from "../kernel.ts";

export interface GrubMenu {
  readonly kernel: Kernel;
  /** UUID of the root filesystem. */
  readonly uuid: string;
  readonly console: InstanceConsole;
  /** For example `Debian GNU/Linux`. */
  readonly distributor: string;
  /** Whether grub itself uses the serial port: not under pygrub, which reads only the entries. */
  readonly serial: boolean;
}

const timeoutSeconds = 2;

/** Writes the guest's first menu. `serial`: whether grub itself uses the serial port, see {@link GrubMenu}. */
export async function writeGrubMenu(
  { files, filesystem }: Pick<InstalledGuest, "files" | "filesystem">,
  kernel: Kernel,
  console: InstanceConsole,
  serial: boolean,
): Promise<void> {
  const distributor = distributorIn((await files.read("/etc/os-release")) ?? "");
  const menu = grubConfig({ kernel, uuid: filesystem.uuid, console, distributor, serial });
  await files.write("/boot/grub/grub.cfg", menu, { mode: 0o644 });
}

/** NAME in the text of an os-release(5). */
export function distributorIn(osRelease: string): string {
  return /^NAME="?([^"\n]*)"?$/m.exec(osRelease)?.[1] ?? "Linux";
}

/**
 * The first /boot/grub/grub.cfg: everything by the filesystem's UUID, nothing of the node. Plain enough for pygrub and
 * pvgrub, which know neither variables nor conditions. update-grub replaces it.
 */
export function grubConfig({ kernel, uuid, console, distributor, serial }: GrubMenu): string {
  return [
    "# Made when the guest was installed; update-grub writes it anew.",
    "set default=0",
    `set timeout=${String(timeoutSeconds)}`,
    ...(serial ? serialLines(console) : []),
    `search --no-floppy --fs-uuid --set=root ${uuid}`,
    "",
    `menuentry '${distributor.replaceAll("'", "")}, with Linux ${kernel.version}' {`,
    `\tlinux\t${kernel.image} ${rootArguments(uuid, console)}`,
    ...(kernel.initrd === undefined ? [] : [`\tinitrd\t${kernel.initrd}`]),
    "}",
    "",
  ].join("\n");
}

/** /etc/default/grub.d/: what update-grub in the running guest must know; undefined settings stay the guest's own. */
export function grubDefaults({ kernelArguments, serialSpeed }: InstanceConsole): string {
  return [
    "# The instance's console, as it was when the guest was installed. Run update-grub after a change.",
    `GRUB_TIMEOUT=${String(timeoutSeconds)}`,
    ...(serialSpeed === undefined
      ? []
      : ['GRUB_TERMINAL="console serial"', `GRUB_SERIAL_COMMAND="${serialCommand(serialSpeed)}"`]),
    ...(kernelArguments.length === 0 ? [] : [`GRUB_CMDLINE_LINUX="$GRUB_CMDLINE_LINUX ${kernelArguments.join(" ")}"`]),
    "",
  ].join("\n");
}

/**
 * The grub.cfg beside the EFI program on the ESP: it leads to the real one, found by the filesystem's UUID, or else in
 * the root partition of the disk it was started from (a filesystem with a new UUID).
 */
export function espGrubConfig(uuid: string, partition: number): string {
  return [
    // $cmdpath is (hd0,gpt2)/EFI/BOOT. A search that finds nothing leaves root as it was.
    String.raw`regexp --set=1:disk '^\(([^,)]*)' "$cmdpath"`,
    `set root="$disk,gpt${String(partition)}"`,
    `search --no-floppy --fs-uuid --set=root ${uuid}`,
    "set prefix=($root)/boot/grub",
    "configfile $prefix/grub.cfg",
    "",
  ].join("\n");
}

function serialLines({ serialSpeed }: InstanceConsole): readonly string[] {
  if (serialSpeed === undefined) return [];
  return [serialCommand(serialSpeed), "terminal_input console serial", "terminal_output console serial"];
}

function serialCommand(speed: number): string {
  return `serial --unit=0 --speed=${String(speed)} --word=8 --parity=no --stop=1`;
}
