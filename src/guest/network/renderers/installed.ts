import type { RootedFiles } from "../../../host/files/rooted-files.ts";
import { ifupdown } from "./ifupdown.ts";
import { netplan } from "./netplan.ts";
import { networkManager } from "./network-manager.ts";
import { networkd } from "./networkd.ts";
import type { Renderer } from "./rendered.ts";

interface Candidate {
  readonly renderer: Renderer;
  /** One of them is there where the program is installed, with a merged /usr or without. */
  readonly programs: readonly string[];
}

// netplan writes for the two below it; who added NetworkManager to a Debian, which has ifupdown, wants that; networkd
// is part of every systemd, and serves where nothing else does.
const candidates: readonly Candidate[] = [
  { renderer: netplan, programs: ["/usr/sbin/netplan"] },
  { renderer: networkManager, programs: ["/usr/sbin/NetworkManager"] },
  { renderer: ifupdown, programs: ["/usr/sbin/ifup", "/sbin/ifup"] },
  { renderer: networkd, programs: ["/usr/lib/systemd/systemd-networkd", "/lib/systemd/systemd-networkd"] },
];

/** All renderers, the preferred ones first. */
export const renderers: readonly Renderer[] = candidates.map(({ renderer }) => renderer);

/** The renderer for a tree: by what is installed there; undefined where nothing is that could bring an interface up. */
export async function installedRenderer(files: RootedFiles): Promise<Renderer | undefined> {
  for (const { renderer, programs } of candidates) if (await isThere(files, programs)) return renderer;
  return undefined;
}

/** Whether ifupdown is there to read /etc/network/interfaces. */
export async function hasIfupdown(files: RootedFiles): Promise<boolean> {
  return await isThere(files, ["/usr/sbin/ifup", "/sbin/ifup"]);
}

/** Whether one of `paths` is there. */
export async function isThere(files: RootedFiles, paths: readonly string[]): Promise<boolean> {
  for (const path of paths) if (await files.exists(path)) return true;
  return false;
}
