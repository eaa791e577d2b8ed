/** Who makes a release: decides its kernel packages and the script of debootstrap. */
export type ReleaseFamily = "debian" | "ubuntu" | "devuan";

/** A release of a distribution, by the versions of what it came with. */
export interface Release {
  readonly name: string;
  /** Undefined: nobody here knows the name. */
  readonly family: ReleaseFamily | undefined;
  /** What reads a guest's filesystem: its kernel, its GRUB, and e2fsprogs, whose e2fsck runs at boot. */
  readonly kernel: string;
  readonly grub: string;
  readonly e2fsprogs: string;
  readonly apt: string;
  /** Whether its dpkg knows the option force-unsafe-io. */
  readonly forcesUnsafeIo: boolean;
}

/** A row of a family. An absent fact is the same as in the row before. */
type Row = Partial<Omit<Release, "name" | "family">> & Pick<Release, "name">;

// The versions each release came with, from the package indices of Debian and Ubuntu; the oldest first. Releases
// before squeeze and lucid differ in nothing that matters here.
const debianRows: readonly Row[] = [
  { name: "woody", kernel: "2.4.18", grub: "0.91", e2fsprogs: "1.27", apt: "0.5.4", forcesUnsafeIo: false },
  { name: "sarge", kernel: "2.6.8", grub: "0.95", e2fsprogs: "1.37", apt: "0.5.28" },
  { name: "etch", kernel: "2.6.18", grub: "0.97", e2fsprogs: "1.39", apt: "0.6.46" },
  { name: "etch-m68k" },
  { name: "lenny", kernel: "2.6.26", grub: "1.96", e2fsprogs: "1.41.3", apt: "0.7.20" },
  { name: "squeeze", kernel: "2.6.32", grub: "1.98", e2fsprogs: "1.41.12", apt: "0.8.10", forcesUnsafeIo: true },
  { name: "wheezy", kernel: "3.2", grub: "1.99", e2fsprogs: "1.42.5", apt: "0.9.7" },
  { name: "jessie", kernel: "3.16", grub: "2.02~beta2", e2fsprogs: "1.42.12", apt: "1.0.9" },
  { name: "stretch", kernel: "4.9", grub: "2.02~beta3", e2fsprogs: "1.43.4", apt: "1.4" },
  { name: "buster", kernel: "4.19", grub: "2.02", e2fsprogs: "1.44.5", apt: "1.8" },
  { name: "bullseye", kernel: "5.10", grub: "2.06", e2fsprogs: "1.46.2", apt: "2.2" },
  { name: "bookworm", kernel: "6.1", grub: "2.06", e2fsprogs: "1.47.0", apt: "2.6" },
  { name: "trixie", kernel: "6.12", grub: "2.12", e2fsprogs: "1.47.2", apt: "3.0" },
  { name: "forky", kernel: "6.16" },
];

const ubuntuRows: readonly Row[] = [
  { name: "dapper", kernel: "2.6.15", grub: "0.97", e2fsprogs: "1.38", apt: "0.6.43", forcesUnsafeIo: false },
  { name: "hardy", kernel: "2.6.24", e2fsprogs: "1.40.8", apt: "0.7.9" },
  { name: "intrepid", kernel: "2.6.27", e2fsprogs: "1.41.3" },
  { name: "jaunty", kernel: "2.6.28", e2fsprogs: "1.41.4" },
  { name: "karmic", kernel: "2.6.31", e2fsprogs: "1.41.9", forcesUnsafeIo: true },
  { name: "lucid", kernel: "2.6.32", grub: "1.98", e2fsprogs: "1.41.11", apt: "0.7.25" },
  { name: "precise", kernel: "3.2", grub: "1.99", e2fsprogs: "1.42", apt: "0.8.16" },
  { name: "trusty", kernel: "3.13", grub: "2.02~beta2", e2fsprogs: "1.42.9", apt: "1.0.1" },
  { name: "xenial", kernel: "4.4", grub: "2.02~beta2", e2fsprogs: "1.42.13", apt: "1.2" },
  { name: "bionic", kernel: "4.15", grub: "2.02", e2fsprogs: "1.44.1", apt: "1.6" },
  { name: "focal", kernel: "5.4", grub: "2.04", e2fsprogs: "1.45.5", apt: "2.0" },
  { name: "jammy", kernel: "5.15", grub: "2.06", e2fsprogs: "1.46.5", apt: "2.4" },
  { name: "noble", kernel: "6.8", grub: "2.12", e2fsprogs: "1.47.0", apt: "2.7" },
  { name: "plucky", kernel: "6.14", grub: "2.12", e2fsprogs: "1.47.2", apt: "3.0" },
  { name: "questing", kernel: "6.17", grub: "2.14" },
  { name: "resolute" },
];

// Interim releases of Ubuntu: each can read everything that the release before it can read.
const interim: Readonly<Record<string, readonly string[]>> = {
  lucid: ["maverick", "natty", "oneiric"],
  precise: ["quantal", "raring", "saucy"],
  trusty: ["utopic", "vivid", "wily"],
  xenial: ["yakkety", "zesty", "artful"],
  bionic: ["cosmic", "disco", "eoan"],
  focal: ["groovy", "hirsute", "impish"],
  jammy: ["kinetic", "lunar", "mantic"],
  noble: ["oracular"],
};

/** Other names of releases. Each of Devuan's releases stands beside the Debian release that it is made from. */
export const aliases: Readonly<Record<string, string>> = {
  oldoldstable: "bullseye",
  oldstable: "bookworm",
  stable: "trixie",
  testing: "forky",
  sid: "forky",
  unstable: "forky",
};

const devuanFrom: Readonly<Record<string, string>> = {
  ascii: "stretch",
  beowulf: "buster",
  chimaera: "bullseye",
  daedalus: "bookworm",
  excalibur: "trixie",
  ceres: "forky",
};

/** All known releases, by name. */
export const releases: ReadonlyMap<string, Release> = new Map(
  [...debian(), ...ubuntu(), ...devuan()].map((release) => [release.name, release]),
);

function debian(): readonly Release[] {
  return filled("debian", debianRows);
}

function ubuntu(): readonly Release[] {
  return filled("ubuntu", ubuntuRows).flatMap((release) => [
    release,
    ...(interim[release.name] ?? []).map((name) => ({ ...release, name })),
  ]);
}

function devuan(): readonly Release[] {
  return Object.entries(devuanFrom).flatMap(([name, origin]) =>
    debian().flatMap((release) => (release.name === origin ? { ...release, name, family: "devuan" as const } : [])),
  );
}

function filled(family: Release["family"], rows: readonly Row[]): readonly Release[] {
  let before: Omit<Release, "name" | "family"> | undefined;
  return rows.map(({ name, ...facts }) => {
    const { kernel = "0", grub = "0", e2fsprogs = "0", apt = "0", forcesUnsafeIo = false } = { ...before, ...facts };
    before = { kernel, grub, e2fsprogs, apt, forcesUnsafeIo };
    return { name, family, ...before };
  });
}
