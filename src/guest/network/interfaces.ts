import type { RootedFiles } from "../../host/rooted-files.ts";

const head = "# The network interfaces of this system; see interfaces(5).\n\n";
const source = "source /etc/network/interfaces.d/*\n\n";
const loopback = "auto lo\niface lo inet loopback\n";

/** Writes an /etc/network/interfaces with nothing but lo, where ifupdown is there to read it. */
export async function writeInterfaces(files: RootedFiles): Promise<void> {
  if (!(await hasIfupdown(files))) return;
  // ifupdown before 0.7 has neither the directory nor the keyword, which would keep it from bringing up lo.
  const sources = (await files.exists("/etc/network/interfaces.d")) ? source : "";
  await files.write("/etc/network/interfaces", `${head}${sources}${loopback}`, { mode: 0o644 });
}

async function hasIfupdown(files: RootedFiles): Promise<boolean> {
  for (const file of ["/usr/sbin/ifup", "/sbin/ifup"]) if (await files.exists(file)) return true;
  return false;
}
