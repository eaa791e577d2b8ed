import type { Config } from "../../../config/config.ts";
import { KnownError } from "../../../host/errors.ts";

/** A kind of firmware grub can be started by. */
export interface GrubPlatform {
  /** grub's name of it (`grub-mkimage --format`), also the directory of its modules. */
  readonly target: string;
  readonly packages: readonly string[];
  /** Name of the file firmware looks for on a removable medium (UEFI 3.5.1.1); undefined: BIOS. */
  readonly efiFile?: string;
}

const bios: GrubPlatform = { target: "i386-pc", packages: ["grub-pc"] };
// grub-pc is the package that keeps grub up to date; the -bin packages bring the files for UEFI beside it.
const efi: Readonly<Record<string, GrubPlatform>> = {
  amd64: { target: "x86_64-efi", packages: ["grub-efi-amd64-bin"], efiFile: "BOOTX64.EFI" },
  i386: { target: "i386-efi", packages: ["grub-efi-ia32-bin"], efiFile: "BOOTIA32.EFI" },
  arm64: { target: "arm64-efi", packages: ["grub-efi-arm64"], efiFile: "BOOTAA64.EFI" },
};
const withBios: ReadonlySet<string> = new Set(["amd64", "i386"]);

/**
 * The platforms grub is installed for: BIOS where the architecture has one, and UEFI on a gpt disk. Throws KnownError
 * where neither is possible.
 */
export function grubPlatforms({
  arch,
  partitionStyle,
}: Pick<Config, "arch" | "partitionStyle">): readonly GrubPlatform[] {
  const firmware = efi[arch];
  const platforms = [
    ...(withBios.has(arch) ? [bios] : []),
    ...(firmware !== undefined && partitionStyle === "gpt" ? [firmware] : []),
  ];
  if (platforms.length === 0) throw impossible(arch, firmware !== undefined);
  return platforms;
}

function impossible(arch: string, hasEfi: boolean): KnownError {
  return new KnownError(`grub cannot be installed for ${arch}${hasEfi ? " without PARTITION_STYLE=gpt" : ""}`, {
    hint: hasEfi
      ? "set PARTITION_STYLE=gpt: it starts by UEFI only"
      : "set BOOTLOADER=none and start a kernel of the node",
  });
}
