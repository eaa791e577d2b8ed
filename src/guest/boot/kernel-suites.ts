import type { Config } from "../../config/config.ts";

// https://releases.ubuntu.com/ and distro-info-data's ubuntu.csv; a suite not named here is taken for one of Debian's.
const ubuntuSuites: ReadonlySet<string> = new Set([
  ...[
    "lucid",
    "precise",
    "trusty",
    "utopic",
    "vivid",
    "wily",
    "xenial",
    "yakkety",
    "zesty",
    "artful",
    "bionic",
    "cosmic",
  ],
  ...[
    "disco",
    "eoan",
    "focal",
    "groovy",
    "hirsute",
    "impish",
    "jammy",
    "kinetic",
    "lunar",
    "mantic",
    "noble",
    "oracular",
  ],
  ...["plucky", "questing", "resolute"],
]);

// linux-image-cloud-amd64 came with buster, linux-image-cloud-arm64 with bullseye.
const debianBeforeCloud: Readonly<Record<string, ReadonlySet<string>>> = {
  amd64: new Set(["squeeze", "wheezy", "jessie", "stretch"]),
  arm64: new Set(["jessie", "stretch", "buster"]),
};

/** Whether `suite` is one of Ubuntu's. */
export function isUbuntu(suite: string): boolean {
  return ubuntuSuites.has(suite);
}

/** Whether Debian's `suite` has no kernel for virtual machines alone. */
export function lacksCloudKernel({ suite, arch }: Pick<Config, "suite" | "arch">): boolean {
  return debianBeforeCloud[arch]?.has(suite) ?? false;
}
