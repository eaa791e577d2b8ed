import type { RootedFiles } from "../../host/files/rooted-files.ts";

const resumeFile = "/etc/initramfs-tools/conf.d/resume";

/**
 * Keeps initramfs-tools from waiting for a device to resume from: an instance is never hibernated, and the swap it has
 * when an initial RAM disk is made need not be the one it starts with. (MODULES=most is the package's default, so that
 * the same RAM disk finds its root on every bus.)
 */
export async function forgoResume(files: RootedFiles): Promise<void> {
  if (!(await files.exists("/etc/initramfs-tools/conf.d")) || (await files.exists(resumeFile))) return;
  await files.write(resumeFile, "RESUME=none\n", { mode: 0o644 });
}
