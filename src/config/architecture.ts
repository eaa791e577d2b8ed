import { machine } from "node:os";
import type { Host } from "../host/host.ts";
import { run } from "../host/process/run.ts";

/** Debian's names by those of uname(2), where they differ. */
const debianNames: Readonly<Record<string, string>> = {
  x86_64: "amd64",
  aarch64: "arm64",
  armv5tel: "armel",
  armv6l: "armel",
  armv7l: "armhf",
  armv8l: "armhf",
  ppc64le: "ppc64el",
  loongarch64: "loong64",
  mips64: "mips64el",
};

/** Debian's name of the node's architecture: from dpkg, or from the kernel when the node has no dpkg. */
export async function nodeArchitecture(host: Host): Promise<string> {
  const { stdout, exitCode } = await run(host, ["dpkg", "--print-architecture"], { accept: [0, 1, 2, 126, 127] });
  return exitCode === 0 && stdout !== "" ? stdout : architectureOfMachine(machine());
}

/** Debian's name of an architecture that uname(2) calls `name`. */
export function architectureOfMachine(name: string): string {
  return /^i[3-6]86$/.test(name) ? "i386" : (debianNames[name] ?? name);
}
