import type { RootedFiles } from "../../host/files/rooted-files.ts";
import { loopbackOnly } from "./renderers/ifupdown.ts";
import { hasIfupdown } from "./renderers/installed.ts";

/** Writes an /etc/network/interfaces with nothing but lo, where ifupdown is there to read it. */
export async function writeInterfaces(files: RootedFiles): Promise<void> {
  if (!(await hasIfupdown(files))) return;
  const hasDirectory = await files.exists("/etc/network/interfaces.d");
  await files.write("/etc/network/interfaces", loopbackOnly(hasDirectory), { mode: 0o644 });
}
