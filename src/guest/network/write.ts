import type { Host } from "../../host/host.ts";
import type { RootedFiles } from "../../host/files/rooted-files.ts";
import { writeInterfaces } from "./interfaces.ts";
import type { NetworkPlan } from "./plan.ts";
import { installedRenderer, isThere } from "./renderers/installed.ts";
import { marked } from "./renderers/rendered.ts";

/**
 * Configures the interfaces of a system that was just installed as planned, for the program it has for that; without a
 * plan only lo. Says what the plan notes, and where nothing is installed that could bring an interface up.
 */
export async function writeNetwork(host: Host, files: RootedFiles, plan: NetworkPlan | undefined): Promise<void> {
  await writeInterfaces(files);
  if (plan === undefined) return;
  for (const note of plan.notes) host.log.warn(note);
  const renderer = await installedRenderer(files);
  if (renderer === undefined) {
    host.log.warn(
      "nothing in the guest could bring an interface up: it has no netplan, NetworkManager, ifupdown or systemd",
    );
    return;
  }
  for (const { path, text, mode } of renderer.render(plan)) await files.write(path, marked(text), { mode });
  if (renderer.name === "networkd") await enableNetworkd(files);
  await stopCloudInit(files);
}

/** Names the time servers to systemd-timesyncd and chrony, where they are installed; without `servers` nothing. */
export async function writeTimeServers(files: RootedFiles, servers: readonly string[]): Promise<void> {
  if (servers.length === 0) return;
  if (await isThere(files, ["/usr/lib/systemd/systemd-timesyncd", "/lib/systemd/systemd-timesyncd"])) {
    const text = `[Time]\nNTP=${servers.join(" ")}\n`;
    await files.write("/etc/systemd/timesyncd.conf.d/ganeti.conf", text, { mode: 0o644 });
  }
  if (await files.exists("/etc/chrony/sources.d")) {
    const text = servers.map((server) => `server ${server} iburst\n`).join("");
    await files.write("/etc/chrony/sources.d/ganeti.sources", text, { mode: 0o644 });
  }
}

const units = [
  ["multi-user.target", "systemd-networkd.service"],
  ["network-online.target", "systemd-networkd-wait-online.service"],
  ["sockets.target", "systemd-networkd.socket"],
] as const;

// As `systemctl enable` does.
async function enableNetworkd(files: RootedFiles): Promise<void> {
  for (const [target, unit] of units) {
    for (const directory of ["/usr/lib/systemd/system", "/lib/systemd/system"]) {
      if (!(await files.exists(`${directory}/${unit}`))) continue;
      await files.symlink(`${directory}/${unit}`, `/etc/systemd/system/${target}.wants/${unit}`);
      break;
    }
  }
}

// Without word of a network cloud-init would have the first card ask DHCP, beside what was written here.
async function stopCloudInit(files: RootedFiles): Promise<void> {
  if (!(await files.exists("/etc/cloud/cloud.cfg"))) return;
  await files.write("/etc/cloud/cloud.cfg.d/99-ganeti-network.cfg", "network: {config: disabled}\n", { mode: 0o644 });
}
