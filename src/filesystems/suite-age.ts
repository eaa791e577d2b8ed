/** The versions of what reads a guest's filesystem: its kernel, its GRUB, and e2fsprogs, whose e2fsck runs at boot. */
export interface SuiteAge {
  readonly kernel: string;
  readonly grub: string;
  readonly e2fsprogs: string;
}

// From packages.debian.org and packages.ubuntu.com: the versions each release came with.
const ages: Readonly<Record<string, SuiteAge>> = {
  lenny: { kernel: "2.6.26", grub: "1.96", e2fsprogs: "1.41.3" },
  squeeze: { kernel: "2.6.32", grub: "1.98", e2fsprogs: "1.41.12" },
  wheezy: { kernel: "3.2", grub: "1.99", e2fsprogs: "1.42.5" },
  jessie: { kernel: "3.16", grub: "2.02~beta2", e2fsprogs: "1.42.12" },
  stretch: { kernel: "4.9", grub: "2.02~beta3", e2fsprogs: "1.43.4" },
  buster: { kernel: "4.19", grub: "2.02", e2fsprogs: "1.44.5" },
  bullseye: { kernel: "5.10", grub: "2.06", e2fsprogs: "1.46.2" },
  bookworm: { kernel: "6.1", grub: "2.06", e2fsprogs: "1.47.0" },
  trixie: { kernel: "6.12", grub: "2.12", e2fsprogs: "1.47.2" },
  forky: { kernel: "6.16", grub: "2.12", e2fsprogs: "1.47.2" },
  lucid: { kernel: "2.6.32", grub: "1.98", e2fsprogs: "1.41.11" },
  precise: { kernel: "3.2", grub: "1.99", e2fsprogs: "1.42" },
  trusty: { kernel: "3.13", grub: "2.02~beta2", e2fsprogs: "1.42.9" },
  xenial: { kernel: "4.4", grub: "2.02~beta2", e2fsprogs: "1.42.13" },
  bionic: { kernel: "4.15", grub: "2.02", e2fsprogs: "1.44.1" },
  focal: { kernel: "5.4", grub: "2.04", e2fsprogs: "1.45.5" },
  jammy: { kernel: "5.15", grub: "2.06", e2fsprogs: "1.46.5" },
  noble: { kernel: "6.8", grub: "2.12", e2fsprogs: "1.47.0" },
  plucky: { kernel: "6.14", grub: "2.12", e2fsprogs: "1.47.2" },
  questing: { kernel: "6.17", grub: "2.14", e2fsprogs: "1.47.2" },
};

const aliases: Readonly<Record<string, string>> = {
  oldoldstable: "bullseye",
  oldstable: "bookworm",
  stable: "trixie",
  testing: "forky",
  sid: "forky",
  unstable: "forky",
  ascii: "stretch",
  beowulf: "buster",
  chimaera: "bullseye",
  daedalus: "bookworm",
  excalibur: "trixie",
};

/** The suite assumed for a name that is not known: what it can read, everything since can. */
const cautious = "bullseye";

/** How old `suite` is (Debian's and Ubuntu's releases, Devuan's by their Debian), cautiously where it is not known. */
export function suiteAge(suite: string): SuiteAge {
  const name = suite.replace(/-(?:backports|updates|security|proposed)$/, "");
  const age = ages[aliases[name] ?? name] ?? ages[cautious];
  if (age === undefined) throw new Error("the table of suites lacks its own default");
  return age;
}

/** Compares versions as `6.12` and `2.02~beta2`, number by number; `~` sorts before the release. Negative, 0 or positive. */
export function compareVersions(left: string, right: string): number {
  const [a, b] = [numbersOf(left), numbersOf(right)];
  for (let index = 0; index < Math.max(a.length, b.length); index++) {
    const difference = (a[index] ?? 0) - (b[index] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

// beta2 of 2.02 is 2.01 and a bit: one number back, then counting.
function numbersOf(version: string): readonly number[] {
  const [release = "", preview] = version.split("~");
  const numbers = release.split(".").map(Number);
  if (preview === undefined) return numbers;
  const last = numbers.pop() ?? 0;
  return [...numbers, last - 1, Number(/\d+/.exec(preview)?.[0] ?? 0)];
}
