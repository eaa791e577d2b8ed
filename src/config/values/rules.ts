import { familyOf } from "../../filesystems/families.ts";
import { osParameters, type SettingName, settings, type SettingValues } from "../../settings/settings.ts";

/** A rule across settings: each may be right by itself, but not together with the others. */
export interface Rule {
  /** The settings that the rule looks at. When one of them is unknown, the rule does not apply. */
  readonly names: readonly SettingName[];
  /** The problem and its remedy; undefined when there is none. */
  readonly problem: (values: SettingValues) => string | undefined;
}

const ipConfigNames = [
  ...(["IPCONFIG0", "IPCONFIG1", "IPCONFIG2", "IPCONFIG3"] as const),
  ...(["IPCONFIG4", "IPCONFIG5", "IPCONFIG6", "IPCONFIG7"] as const),
];

/** All rules across settings, in the order in which they are reported. */
export const rules: readonly Rule[] = [
  {
    names: ["BOOTLOADER", "PARTITION_STYLE"],
    problem: ({ bootloader, partitionStyle }) =>
      isExplicit(bootloader) && partitionStyle === "none"
        ? `BOOTLOADER=${bootloader} needs a partition table, but PARTITION_STYLE=none makes none: set PARTITION_STYLE=msdos or gpt, or BOOTLOADER=none`
        : undefined,
  },
  {
    names: ["BOOTLOADER", "KERNEL"],
    problem: ({ bootloader, kernel }) =>
      isExplicit(bootloader) && kernel === "none"
        ? `BOOTLOADER=${bootloader} has nothing to start with KERNEL=none: set KERNEL=auto, or BOOTLOADER=none`
        : undefined,
  },
  {
    names: ["BOOTLOADER", "PARTITION_STYLE"],
    problem: ({ bootloader, partitionStyle }) =>
      bootloader === "extlinux" && partitionStyle === "gpt"
        ? "BOOTLOADER=extlinux is installed on msdos disks only: set BOOTLOADER=grub"
        : undefined,
  },
  {
    names: ["BOOTLOADER", "OSP_FILESYSTEM"],
    problem: ({ bootloader, filesystem }) =>
      bootloader === "extlinux" && !familyOf(filesystem).readByExtlinux
        ? `BOOTLOADER=extlinux cannot read ${filesystem} as mkfs makes it today: set BOOTLOADER=grub`
        : undefined,
  },
  {
    names: ["BOOTLOADER", "ARCH"],
    problem: ({ bootloader, arch }) =>
      bootloader === "extlinux" && !["amd64", "i386"].includes(arch)
        ? `BOOTLOADER=extlinux does not exist for ARCH=${arch}: set BOOTLOADER=grub`
        : undefined,
  },
  {
    names: ["DEBOOTSTRAP_OPTS", "EXTRA_PKGS", "BOOTLOADER", "BOOTSTRAP"],
    problem: ({ debootstrapOptions, extraPackages, bootloader, bootstrap }) =>
      bootstrap === "debootstrap" &&
      hasOption(debootstrapOptions, "--include") &&
      (extraPackages.length > 0 || bootloader !== "none")
        ? "DEBOOTSTRAP_OPTS has --include, so debootstrap would ignore the packages of EXTRA_PKGS and BOOTLOADER: move its packages to EXTRA_PKGS"
        : undefined,
  },
  {
    names: ["DEBOOTSTRAP_OPTS", "COMPONENTS", "BOOTSTRAP"],
    problem: ({ debootstrapOptions, components, bootstrap }) =>
      bootstrap === "debootstrap" && components.length > 0 && hasOption(debootstrapOptions, "--components")
        ? "DEBOOTSTRAP_OPTS has --components, so debootstrap would ignore COMPONENTS: name all components in COMPONENTS"
        : undefined,
  },
  {
    names: ["DEBOOTSTRAP_OPTS", "ARCH", "BOOTSTRAP"],
    problem: ({ debootstrapOptions, arch, bootstrap }) => {
      const given = bootstrap === "debootstrap" ? optionValue(debootstrapOptions, "--arch") : undefined;
      return given !== undefined && given !== arch
        ? `DEBOOTSTRAP_OPTS has --arch=${given}, but ARCH is ${arch}: set ARCH instead`
        : undefined;
    },
  },
  {
    names: ["DEBOOTSTRAP_OPTS", "BOOTSTRAP"],
    problem: ({ debootstrapOptions, bootstrap }) => {
      const found =
        bootstrap === "debootstrap" ? notInstalling.filter((option) => debootstrapOptions.includes(option)) : [];
      return found.length > 0
        ? `DEBOOTSTRAP_OPTS has ${found.join(" and ")}, so debootstrap would not install a system: remove it`
        : undefined;
    },
  },
  ...ipConfigNames.map((name): Rule => ({
    names: ["NETWORK", name],
    problem: (values) =>
      values.network === "none" && values[settings[name].key] !== undefined
        ? `${name} is set, and NETWORK=none configures no interface: set NETWORK=auto, static or dhcp`
        : undefined,
  })),
  {
    names: ["NETWORK", ...ipConfigNames],
    problem: (values) => {
      const has = (key: "gw" | "gw6") =>
        ipConfigNames.filter((name) => values[settings[name].key]?.[key] !== undefined);
      const twice = [has("gw"), has("gw6")].find((names) => names.length > 1);
      return values.network !== "none" && twice !== undefined
        ? `${twice.join(" and ")} all name a gateway, and a guest has one default route in each family: leave it out of all but one`
        : undefined;
    },
  },
  {
    names: ["ALLOWED_PARAMETERS"],
    problem: ({ allowedParameters }) => {
      const known = ["harmless", "all", ...osParameters.map(({ name }) => name)];
      const unknown = allowedParameters.filter((name) => !known.includes(name));
      return unknown.length > 0
        ? `ALLOWED_PARAMETERS has unknown names: ${unknown.join(", ")}; the known names are ${known.join(", ")} (parameters of your own need no permission)`
        : undefined;
    },
  },
];

/** Options of debootstrap(8) that end it before a system is installed, or make it do something else. */
const notInstalling = [
  ...["--print-debs", "--download-only", "--foreign", "--second-stage", "--help", "-h", "--version"],
] as const;

function isExplicit(bootloader: SettingValues["bootloader"]): boolean {
  return bootloader === "grub" || bootloader === "extlinux";
}

function hasOption(options: readonly string[], name: string): boolean {
  return options.some((option) => option === name || option.startsWith(`${name}=`));
}

function optionValue(options: readonly string[], name: string): string | undefined {
  const index = options.findLastIndex((option) => option === name || option.startsWith(`${name}=`));
  const option = options[index];
  return option === name ? options[index + 1] : option?.slice(name.length + 1);
}
