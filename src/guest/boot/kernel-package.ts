import type { Config } from "../../config/config.ts";
import { KnownError } from "../../host/errors.ts";
import type { Instance } from "../../os-api/request.ts";
import { hypervisorParameter } from "./choice.ts";
import { isUbuntu, lacksCloudKernel } from "./kernel-suites.ts";

/** Kernel packages of an architecture: for every machine, and the small one for virtual machines only. */
interface KernelPackages {
  readonly generic: string;
  readonly virtual?: string;
}

// The meta packages of Debian's kernel. i386 has none from trixie on.
const debianKernels: Readonly<Record<string, KernelPackages>> = {
  amd64: { generic: "linux-image-amd64", virtual: "linux-image-cloud-amd64" },
  arm64: { generic: "linux-image-arm64", virtual: "linux-image-cloud-arm64" },
  armhf: { generic: "linux-image-armmp" },
  i386: { generic: "linux-image-686-pae" },
  ppc64el: { generic: "linux-image-powerpc64le" },
  riscv64: { generic: "linux-image-riscv64" },
  s390x: { generic: "linux-image-s390x" },
};
const ubuntuKernels: KernelPackages = { generic: "linux-image-generic", virtual: "linux-image-virtual" };
const debianWithI386Kernel: ReadonlySet<string> = new Set([
  ...["squeeze", "wheezy", "jessie", "stretch", "buster", "bullseye", "bookworm"],
]);

/**
 * The package that KERNEL=auto stands for. The kernels for virtual machines have virtio, Xen's front ends, AHCI and
 * PIIX, but not the LSI adapter of disk_type=scsi nor the emulated network cards (e1000, rtl8139): they are taken only
 * where the instance is known to use neither. Throws KnownError for an architecture without a known kernel.
 */
export function kernelPackage(config: Pick<Config, "suite" | "arch">, instance: Instance): string {
  const packages = kernelsOf(config);
  if (packages === undefined) {
    throw new KnownError(`KERNEL=auto knows no kernel of ${config.suite} for ${config.arch}`, {
      hint: "set KERNEL to the name of a package, or KERNEL=none for a kernel outside of the guest",
    });
  }
  const { generic, virtual } = packages;
  return virtual !== undefined && !lacksCloudKernel(config) && hasVirtualDevicesOnly(instance) ? virtual : generic;
}

function kernelsOf({ suite, arch }: Pick<Config, "suite" | "arch">): KernelPackages | undefined {
  if (isUbuntu(suite)) return ubuntuKernels;
  return arch === "i386" && !debianWithI386Kernel.has(suite) ? undefined : debianKernels[arch];
}

function hasVirtualDevicesOnly(instance: Instance): boolean {
  if (instance.hypervisor === "xen-pvm") return true;
  if (instance.hypervisor !== "kvm" && instance.hypervisor !== "xen-hvm") return false;
  return ["disk_type", "nic_type"].every((name) => hypervisorParameter(instance, name) === "paravirtual");
}
