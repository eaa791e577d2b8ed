import { releaseOf } from "./release.ts";
import type { Release } from "./table.ts";
import { compareVersions } from "./versions.ts";

/** Kernel packages of an architecture: one for every machine, and a small one for virtual machines only. */
export interface KernelPackages {
  readonly generic: string;
  readonly virtual?: string;
}

interface KernelRow extends KernelPackages {
  /** The first kernel version that `virtual` exists for. */
  readonly virtualSince?: string;
  /** The versions that `generic` exists for. */
  readonly since?: string;
  readonly before?: string;
}

// The meta packages of Debian's kernel. Those for virtual machines came with buster (amd64) and bullseye (arm64); i386
// has 686-pae from wheezy to bookworm.
const debianKernels: Readonly<Record<string, KernelRow>> = {
  amd64: { generic: "linux-image-amd64", virtual: "linux-image-cloud-amd64", virtualSince: "4.19" },
  arm64: { generic: "linux-image-arm64", virtual: "linux-image-cloud-arm64", virtualSince: "5.10" },
  armhf: { generic: "linux-image-armmp" },
  i386: { generic: "linux-image-686-pae", since: "3.2", before: "6.12" },
  ppc64el: { generic: "linux-image-powerpc64le" },
  riscv64: { generic: "linux-image-riscv64" },
  s390x: { generic: "linux-image-s390x" },
};
const ubuntuKernels: KernelPackages = { generic: "linux-image-generic", virtual: "linux-image-virtual" };

/** The kernel packages of a suite for an architecture (dpkg's name); undefined where none is known. */
export function kernelPackages(suite: string, arch: string): KernelPackages | undefined {
  const release = releaseOf(suite);
  if (release.family === "ubuntu") return ubuntuKernels;
  const row = debianKernels[arch];
  if (row === undefined || !hasGeneric(row, release)) return undefined;
  const { generic, virtual, virtualSince } = row;
  const hasVirtual = virtualSince !== undefined && compareVersions(release.kernel, virtualSince) >= 0;
  return virtual !== undefined && hasVirtual ? { generic, virtual } : { generic };
}

function hasGeneric({ since, before }: KernelRow, { kernel }: Release): boolean {
  return (
    (since === undefined || compareVersions(kernel, since) >= 0) &&
    (before === undefined || compareVersions(kernel, before) < 0)
  );
}
