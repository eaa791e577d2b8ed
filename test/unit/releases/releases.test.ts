import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { kernelPackages } from "../../../src/releases/kernel-packages.ts";
import { releaseOf } from "../../../src/releases/release.ts";
import { compareVersions } from "../../../src/releases/versions.ts";
import { temporaryDirectory } from "../../fixtures/test-host.ts";

const nowhere = { debian: "/nonexistent/debian.csv", ubuntu: "/nonexistent/ubuntu.csv" };

/** Files as distro-info-data has them, with releases that come after those of the table. */
function laterReleases() {
  const directory = temporaryDirectory();
  const files = { debian: join(directory, "debian.csv"), ubuntu: join(directory, "ubuntu.csv") };
  const head = "version,codename,series,created,release,eol";
  writeFileSync(files.debian, `${head}\n13,Trixie,trixie,2023-06-10,2025-08-09\n15,Duke,duke,2027-08-01\n`);
  writeFileSync(files.ubuntu, `${head}\n26.04 LTS,Resolute Raccoon,resolute,2025-10-09\n28.04 LTS,New One,newone,x\n`);
  return files;
}

describe("the release that a name means", () => {
  test.each([
    ["stable", "trixie"],
    ["sid", "forky"],
    ["trixie-backports", "trixie"],
  ])("%s is %s", (suite, same) => {
    expect(releaseOf(suite)).toEqual(releaseOf(same));
  });

  test.each([
    ["daedalus", "devuan", "bookworm"],
    ["utopic", "ubuntu", "trusty"],
    ["resolute", "ubuntu", "questing"],
    ["etch-m68k", "debian", "etch"],
  ])("%s belongs to %s and has what %s has", (suite, family, like) => {
    expect(releaseOf(suite)).toEqual({ ...releaseOf(like), name: suite, family });
  });

  test.each([
    ["duke", "debian", "trixie"],
    ["newone", "ubuntu", "resolute"],
  ])("%s is known from distro-info-data alone, and counts as the release before it", (suite, family, like) => {
    expect(releaseOf(suite, laterReleases())).toEqual({ ...releaseOf(like), name: suite, family });
  });

  test("a name that nobody knows counts as bullseye and belongs to no family", () => {
    const expected = { ...releaseOf("bullseye"), name: "kali-rolling", family: undefined };
    expect(releaseOf("kali-rolling", laterReleases())).toEqual(expected);
    expect(releaseOf("kali-rolling", nowhere)).toEqual(expected);
  });

  test.each(["woody", "sarge", "etch", "etch-m68k", "lenny", "dapper", "hardy", "intrepid", "jaunty"])(
    "the dpkg of %s does not know force-unsafe-io",
    (suite) => {
      expect(releaseOf(suite).forcesUnsafeIo).toBe(false);
      expect([releaseOf("squeeze"), releaseOf("lucid")].map(({ forcesUnsafeIo }) => forcesUnsafeIo)).toEqual([
        true,
        true,
      ]);
    },
  );
});

describe("kernel packages", () => {
  test.each([
    ["trixie", "amd64", "linux-image-amd64", "linux-image-cloud-amd64"],
    ["stretch", "amd64", "linux-image-amd64", undefined],
    ["buster", "amd64", "linux-image-amd64", "linux-image-cloud-amd64"],
    ["buster", "arm64", "linux-image-arm64", undefined],
    ["oldstable", "i386", "linux-image-686-pae", undefined],
    ["excalibur", "arm64", "linux-image-arm64", "linux-image-cloud-arm64"],
    ["kali-rolling", "amd64", "linux-image-amd64", "linux-image-cloud-amd64"],
    ["oracular", "arm64", "linux-image-generic", "linux-image-virtual"],
  ])("%s on %s", (suite, arch, generic, virtual) => {
    expect(kernelPackages(suite, arch)).toEqual(virtual === undefined ? { generic } : { generic, virtual });
  });

  test.each([
    ["trixie", "i386"],
    ["stable", "i386"],
    ["trixie", "m68k"],
  ])("%s has none for %s", (suite, arch) => {
    expect(kernelPackages(suite, arch)).toBeUndefined();
  });
});

test("versions are compared by number, and previews come before the release", () => {
  const sorted = ["2.6.32", "3.2", "3.16", "6.1", "6.12"];
  expect([...sorted].reverse().sort(compareVersions)).toEqual(sorted);
  const previews = ["1.99", "2.02~beta2", "2.02~beta3", "2.02", "2.04"];
  expect([...previews].reverse().sort(compareVersions)).toEqual(previews);
  expect(compareVersions("6.1", "6.1.0")).toBe(0);
});
