import type { RootedFiles } from "../host/rooted-files.ts";

const loopbackOnly = `# The network interfaces of this system; see interfaces(5).

source /etc/network/interfaces.d/*

auto lo
iface lo inet loopback
`;

/** Writes an /etc/network/interfaces with nothing but lo, where ifupdown is there to read it. */
export async function writeInterfaces(files: RootedFiles): Promise<void> {
  if (await hasIfupdown(files)) await files.write("/etc/network/interfaces", loopbackOnly, { mode: 0o644 });
}

async function hasIfupdown(files: RootedFiles): Promise<boolean> {
  for (const file of ["/usr/sbin/ifup", "/sbin/ifup"]) if (await files.exists(file)) return true;
  return false;
}
