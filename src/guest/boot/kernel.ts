import type { RootedFiles } from "../../host/files/rooted-files.ts";
import type { InstanceConsole } from "../console/serial-console.ts";

/** A kernel in the guest, by paths the guest's own boot loader can read. */
export interface Kernel {
  /** As `6.12.43+deb13-cloud-amd64`. */
  readonly version: string;
  /** As `/boot/vmlinuz-6.12.43+deb13-cloud-amd64`. */
  readonly image: string;
  /** Undefined: it starts without an initial RAM disk. */
  readonly initrd: string | undefined;
}

/** The guest's newest kernel, or undefined when it has none. */
export async function newestKernel(files: RootedFiles): Promise<Kernel | undefined> {
  const names = new Set(await files.list("/boot"));
  const versions = [...names].flatMap((name) => /^vmlinu[xz]-(.+)$/.exec(name)?.[1] ?? []).sort(compareVersions);
  const version = versions.at(-1);
  if (version === undefined) return undefined;
  const image = names.has(`vmlinuz-${version}`) ? `vmlinuz-${version}` : `vmlinux-${version}`;
  const initrd = names.has(`initrd.img-${version}`) ? `/boot/initrd.img-${version}` : undefined;
  return { version, image: `/boot/${image}`, initrd };
}

/**
 * The same kernel by the links that Debian's kernel packages keep pointed at the newest one (/vmlinuz; /boot/vmlinuz on
 * Ubuntu), for a configuration that nothing renews; `kernel` itself where a link is missing.
 */
export async function linkedKernel(files: RootedFiles, kernel: Kernel): Promise<Kernel> {
  for (const directory of ["", "/boot"]) {
    const image = `${directory}/vmlinuz`;
    const initrd = `${directory}/initrd.img`;
    if (!(await files.exists(image))) continue;
    if (kernel.initrd === undefined) return { ...kernel, image };
    if (await files.exists(initrd)) return { ...kernel, image, initrd };
  }
  return kernel;
}

/** Orders versions by their numbers: 6.9 before 6.12. */
export function compareVersions(a: string, b: string): number {
  return a.localeCompare(b, "en", { numeric: true });
}

/** Kernel arguments for a root filesystem by UUID, with those of the console. */
export function rootArguments(uuid: string, { kernelArguments }: Pick<InstanceConsole, "kernelArguments">): string {
  return [`root=UUID=${uuid}`, "ro", ...kernelArguments].join(" ");
}
