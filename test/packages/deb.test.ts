import { execFileSync } from "node:child_process";
import { appendFileSync, existsSync, readdirSync, readFileSync, readlinkSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { architecture, bootstrappedTar, cachedSuite } from "../fixtures/bootstrapped-cache.ts";
import { packageChroot, type PackageChroot } from "../fixtures/package-chroot.ts";

const name = "ganeti-instance-debootstrap";
const osDir = "usr/share/ganeti/os/debootstrap";
const scripts = ["create", "import", "export", "rename", "verify"];
const settings = "etc/default/ganeti-instance-debootstrap";
const variantsList = "etc/ganeti/instance-debootstrap/variants.list";
const ownVariant = "etc/ganeti/instance-debootstrap/variants/mine.conf";
const ownHook = "etc/ganeti/instance-debootstrap/hooks/mine";

function buildPackage(): string {
  execFileSync("scripts/deb", { stdio: "pipe" });
  const file = readdirSync("dist").find((entry) => entry.endsWith("_all.deb"));
  if (file === undefined) throw new Error("scripts/deb left no package in dist");
  return join("dist", file);
}

test("two builds give the same bytes, and the checksum beside the package is its own", () => {
  const first = readFileSync(buildPackage());
  expect(readFileSync(buildPackage()).equals(first)).toBe(true);
  expect(
    execFileSync("sha256sum", ["-c", `${basename(buildPackage())}.sha256`], { cwd: "dist", encoding: "utf8" }),
  ).toMatch(/: OK/);
});

test("lintian finds nothing that is not explained", () => {
  expect(execFileSync("lintian", ["--fail-on", "none", buildPackage()], { encoding: "utf8" })).toBe("");
});

test("what V8 makes of the scripts is not shipped, and nothing depends on what every system has", () => {
  const deb = buildPackage();
  const files = execFileSync("dpkg-deb", ["--fsys-tarfile", deb], { maxBuffer: 2 ** 28 });
  const list = execFileSync("tar", ["t"], { input: files, encoding: "utf8" }).split("\n");
  expect(list).toContain(`./${osDir}/create`);
  expect(list.filter((path) => path.endsWith(".code") || path.endsWith("create_untrusted"))).toEqual([]);
  const depends = execFileSync("dpkg-deb", ["-f", deb, "Depends"], { encoding: "utf8" });
  expect(depends).toMatch(/nodejs \(>= 18\.19\)/);
  expect(depends).toMatch(/\bdebootstrap\b/);
});

describe.each(["bookworm", "trixie"])("on %s", (suite) => {
  let chroot: PackageChroot;
  let deb: string;
  beforeAll(() => {
    deb = buildPackage();
    // With all that the package depends on: the chroot itself has no lists of packages.
    const tools = execFileSync("scripts/install-packages", ["--list", "node"], { encoding: "utf8" })
      .trim()
      .split(/\s+/);
    chroot = packageChroot(suite, ["nodejs", "ca-certificates", name, ...tools]);
    chroot.bring(deb);
  });
  afterAll(() => {
    chroot[Symbol.dispose]();
  });

  test("it upgrades Debian's package and keeps what its administrator edited", () => {
    expect(chroot.must(`dpkg-query -W -f '\${Version}' ${name}`)).toMatch(suite === "trixie" ? /^0\.17-/ : /^0\.16-/);
    appendFileSync(chroot.at(settings), "\nSUITE=trixie\nGENERATE_CACHE=yes\n");
    appendFileSync(chroot.at(variantsList), "mine\n");
    writeFileSync(chroot.at(ownVariant), "EXTRA_PKGS=\n");
    writeFileSync(chroot.at(ownHook), "#!/bin/sh\necho hooked >$TARGET/etc/hooked\n", { mode: 0o755 });
    chroot.must(
      `apt-get -qq -y -o Dpkg::Options::=--force-confold --no-install-recommends install /root/${basename(deb)}`,
    );
    expect(chroot.must(`dpkg-query -W -f '\${Version}' ${name}`)).toBe("1.0.0");
    expect(readFileSync(chroot.at(settings), "utf8")).toMatch(/\nSUITE=trixie\n/);
    expect(readFileSync(chroot.at(variantsList), "utf8")).toMatch(/^mine$/m);
    expect([ownVariant, ownHook].filter((file) => !existsSync(chroot.at(file)))).toEqual([]);
    expect(readlinkSync(chroot.at(`${osDir}/variants.list`))).toBe(`/${variantsList}`);
  });

  test("the scripts start from what V8 made of them, by the node of this system", () => {
    for (const script of scripts) {
      expect(existsSync(chroot.at(`${osDir}/${script}.code`)), script).toBe(true);
      expect(chroot.must(`/${osDir}/${script} --help`)).toMatch(/usage/i);
    }
    const started = `require("/${osDir}/start.cjs").compiled("/${osDir}/create") === undefined ? "text" : "code"`;
    expect(chroot.must(`node -p '${started}'`).trim()).toBe("code");
  });

  test("another node has it made again", () => {
    chroot.must(`rm /${osDir}/*.code; dpkg-trigger --no-await /usr/bin/node; dpkg --configure --pending`);
    expect(existsSync(chroot.at(`${osDir}/create.code`))).toBe(true);
  });

  test("create makes a guest, with the variant and the hook that were there before", () => {
    const tar = `var/cache/${name}/cache-${cachedSuite}-${architecture()}.tar`;
    execFileSync("cp", [bootstrappedTar(), chroot.at(tar)]);
    const environment = [
      "OS_API_VERSION=20 OS_VARIANT=mine OS_NAME=debootstrap INSTANCE_NAME=inst1.example.com HYPERVISOR=fake",
      "DISK_COUNT=1 DISK_0_PATH=/root/disk DISK_0_ACCESS=rw NIC_COUNT=0 DEBUG_LEVEL=0 PARTITION_STYLE=none",
    ].join(" ");
    const said = chroot.must(`truncate -s 2G /root/disk; cd /${osDir}; env ${environment} ./create`);
    expect(said).toMatch(/created inst1\.example\.com/);
    expect(chroot.must("debugfs -R 'cat /etc/hooked' /root/disk 2>/dev/null")).toBe("hooked\n");
    expect(chroot.must("debugfs -R 'cat /etc/hostname' /root/disk 2>/dev/null")).toBe("inst1.example.com\n");
    chroot.must("rm /root/disk");
  });

  test("purge leaves what is its administrator's own, and nothing else", () => {
    chroot.must(`apt-get -qq -y remove ${name}`);
    expect(existsSync(chroot.at(osDir))).toBe(false);
    expect(readFileSync(chroot.at(settings), "utf8")).toMatch(/\nSUITE=trixie\n/);
    chroot.must(`apt-get -qq -y purge ${name}`);
    const left = chroot
      .must(
        "find /etc /usr /var /run -path '*instance-debootstrap*' ! -type d ! -path '/var/lib/dpkg/*' ! -path '/var/log/*'",
      )
      .split("\n")
      .filter((path) => path !== "");
    expect(left.sort()).toEqual([
      `/${ownHook}`,
      `/${ownVariant}`,
      `/var/cache/${name}/cache-${cachedSuite}-${architecture()}.tar`,
    ]);
  });
});
