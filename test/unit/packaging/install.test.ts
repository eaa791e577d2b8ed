import { spawnSync } from "node:child_process";
import { appendFileSync, chmodSync, existsSync, lstatSync, mkdirSync, readdirSync, readFileSync } from "node:fs";
import { rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";
import { probeSourceTree } from "../../fixtures/source-tree.ts";
import { temporaryDirectory } from "../../fixtures/test-host.ts";

interface Stage {
  readonly tree: string;
  /** DESTDIR. */
  readonly stage: string;
  /** Runs make with DESTDIR and these words; throws unless it succeeds. Returns all it said. */
  make(...words: readonly string[]): string;
  at(path: string): string;
}

const variables: Readonly<Record<string, string>> = { NODE: process.execPath };

function staged(): Stage {
  const tree = probeSourceTree();
  const stage = join(temporaryDirectory(), "stage");
  return {
    tree,
    stage,
    make: (...words) => {
      const { status, output } = make(tree, `DESTDIR=${stage}`, ...words);
      if (status !== 0) throw new Error(output);
      return output;
    },
    at: (path) => join(stage, path),
  };
}

// Told that the bundles are up to date (-o), make needs no npm.
function make(tree: string, ...words: readonly string[]): { status: number | null; output: string } {
  const given = Object.entries(variables).filter(([name]) => !words.some((word) => word.startsWith(`${name}=`)));
  const command = ["-s", "-o", "os-definition/create", ...given.map(([name, value]) => `${name}=${value}`), ...words];
  const { status, stdout, stderr } = spawnSync("make", command, {
    cwd: tree,
    encoding: "utf8",
    env: { PATH: process.env["PATH"], HOME: "/root" },
  });
  return { status, output: stdout + stderr };
}

function filesBelow(directory: string): readonly string[] {
  return readdirSync(directory, { recursive: true, encoding: "utf8" })
    .filter((name) => !statSync(join(directory, name)).isDirectory())
    .map((name) => `/${name}`)
    .sort();
}

const settings = "/etc/default/ganeti-instance-debootstrap";
const variant = "/etc/ganeti/instance-debootstrap/variants/default.conf";
const variantsList = "/srv/ganeti/os/debootstrap/variants.list";

test("installs a complete OS definition, settings, command, units and documentation", () => {
  const { make, stage, at } = staged();
  make("install");
  const files = filesBelow(stage);
  expect(files.filter((path) => !path.startsWith("/usr/share/doc/"))).toEqual([
    settings,
    variant,
    "/srv/ganeti/os/debootstrap/common.sh",
    "/srv/ganeti/os/debootstrap/create",
    "/srv/ganeti/os/debootstrap/create.code",
    "/srv/ganeti/os/debootstrap/export",
    "/srv/ganeti/os/debootstrap/export.code",
    "/srv/ganeti/os/debootstrap/ganeti_api_version",
    "/srv/ganeti/os/debootstrap/import",
    "/srv/ganeti/os/debootstrap/import.code",
    "/srv/ganeti/os/debootstrap/package.json",
    "/srv/ganeti/os/debootstrap/parameters.list",
    "/srv/ganeti/os/debootstrap/rename",
    "/srv/ganeti/os/debootstrap/rename.code",
    "/srv/ganeti/os/debootstrap/start.cjs",
    variantsList,
    "/srv/ganeti/os/debootstrap/verify",
    "/srv/ganeti/os/debootstrap/verify.code",
    "/usr/lib/systemd/system/ganeti-instance-debootstrap-refresh.service",
    "/usr/lib/systemd/system/ganeti-instance-debootstrap-refresh.timer",
    "/usr/sbin/ganeti-instance-debootstrap",
    "/usr/share/ganeti-instance-debootstrap/installed.sha256",
    "/usr/share/man/man5/ganeti-instance-debootstrap.conf.5",
    "/usr/share/man/man7/ganeti-instance-debootstrap-hooks.7",
    "/usr/share/man/man8/ganeti-instance-debootstrap.8",
  ]);
  expect(files).toContain("/usr/share/doc/ganeti-instance-debootstrap/README.md");
  expect(statSync(at("/etc/ganeti/instance-debootstrap/hooks")).isDirectory()).toBe(true);
  expect(statSync(at("/var/cache/ganeti-instance-debootstrap")).isDirectory()).toBe(true);
});

test("gives everybody access under umask 077", () => {
  const { tree, stage, at } = staged();
  const command = `umask 077; exec make -s -o os-definition/create install NODE=${process.execPath} DESTDIR="$0"`;
  expect(spawnSync("sh", ["-c", command, stage], { cwd: tree }).status).toBe(0);
  const names = readdirSync(stage, { recursive: true, encoding: "utf8" });
  const closed = names.filter((name) => {
    const { mode } = statSync(join(stage, name));
    return (mode & 0o044) !== 0o044;
  });
  expect(closed).toEqual([]);
  const osDir = at("/srv/ganeti/os/debootstrap");
  const executables = readdirSync(osDir).filter((name) => (statSync(join(osDir, name)).mode & 0o777) === 0o755);
  expect(executables.sort()).toEqual(["create", "export", "import", "rename", "verify"]);
  expect(statSync(at("/usr/sbin/ganeti-instance-debootstrap")).mode & 0o777).toBe(0o755);
});

test("bakes the paths into the scripts, and DESTDIR into nothing", () => {
  const { make, stage, at } = staged();
  make("install", "PREFIX=/opt/g", "SYSCONFDIR=/opt/etc", "LOCALSTATEDIR=/opt/var", "OS_DIR=/opt/os");
  for (const path of filesBelow(stage)) expect(readFileSync(at(path), "utf8")).not.toContain(stage);
  const { stdout } = spawnSync(at("/opt/os/debootstrap/create"), [], { encoding: "utf8" });
  expect(JSON.parse(stdout)).toMatchObject({
    execPath: process.execPath,
    installation: { osDir: at("/opt/os/debootstrap"), sysconfdir: "/opt/etc", localstatedir: "/opt/var" },
  });
  const admin = spawnSync(at("/opt/g/sbin/ganeti-instance-debootstrap"), [], { encoding: "utf8" });
  expect(JSON.parse(admin.stdout)).toMatchObject({ installation: { osDir: "/opt/os/debootstrap" } });
  expect(readFileSync(at("/opt/etc/default/ganeti-instance-debootstrap"), "utf8")).toContain(
    "/opt/etc/ganeti/instance-debootstrap/hooks",
  );
  expect(readFileSync(at("/opt/g/lib/systemd/system/ganeti-instance-debootstrap-refresh.service"), "utf8")).toContain(
    "ExecStart=/opt/g/sbin/ganeti-instance-debootstrap cache refresh",
  );
});

test("takes the definition's own directory as OS_DIR, too", () => {
  const { make, at } = staged();
  make("install", "OS_DIR=/usr/share/ganeti/os/debootstrap");
  expect(existsSync(at("/usr/share/ganeti/os/debootstrap/create"))).toBe(true);
});

test("installs what configure wrote", () => {
  const { make, tree, at } = staged();
  spawnSync("./configure", ["--prefix=/usr", "--sysconfdir=/usr/etc"], { cwd: tree });
  make("install");
  expect(existsSync(at("/usr/share/ganeti/os/debootstrap/create"))).toBe(true);
  expect(existsSync(at("/usr/etc/default/ganeti-instance-debootstrap"))).toBe(true);
});

test("keeps edited settings, variants and lists of variants, and says so", () => {
  const { make, at } = staged();
  make("install");
  const edited = [settings, variant, variantsList];
  for (const path of edited) appendFileSync(at(path), "# mine\n");
  const said = make("install");
  for (const path of edited) {
    expect(readFileSync(at(path), "utf8")).toMatch(/# mine\n$/);
    expect(said).toContain(`${path} is not as it was installed: kept`);
  }
});

test("keeps files that were there before the first install", () => {
  const { make, at } = staged();
  mkdirSync(dirname(at(variant)), { recursive: true });
  writeFileSync(at(variant), "SUITE=sid\n");
  make("install");
  make("install");
  expect(readFileSync(at(variant), "utf8")).toBe("SUITE=sid\n");
});

test("keeps a variants.list that is a symlink, also a dangling one", () => {
  const { make, at } = staged();
  mkdirSync(dirname(at(variantsList)), { recursive: true });
  symlinkSync("/etc/ganeti/instance-debootstrap/variants.list", at(variantsList));
  make("install");
  make("uninstall");
  expect(lstatSync(at(variantsList)).isSymbolicLink()).toBe(true);
});

test("upgrades a settings file that nobody edited", () => {
  const { make, tree, at } = staged();
  make("install");
  appendFileSync(join(tree, "defaults"), '\n# NEW="yes"\n');
  make("install");
  expect(readFileSync(at(settings), "utf8")).toContain('# NEW="yes"');
});

test("replaces the scripts while keeping one that runs", () => {
  const { make, at } = staged();
  make("install");
  const create = at("/srv/ganeti/os/debootstrap/create");
  const before = statSync(create).ino;
  make("install");
  expect(statSync(create).ino).not.toBe(before);
});

test("uninstalls to nothing", () => {
  const { make, stage } = staged();
  const words = ["PREFIX=/opt/g", "SYSCONFDIR=/opt/etc", "LOCALSTATEDIR=/opt/var", "OS_DIR=/opt/os"];
  make("install", ...words);
  make("uninstall", ...words);
  expect(filesBelow(stage)).toEqual([]);
  const ours = readdirSync(stage, { recursive: true, encoding: "utf8" }).filter((name) => name.includes("debootstrap"));
  expect(ours).toEqual([]);
});

test("uninstalls what it installed and keeps what was edited or added, caches included", () => {
  const { make, stage, at } = staged();
  make("install");
  appendFileSync(at(settings), "SUITE=bookworm\n");
  const hook = "/etc/ganeti/instance-debootstrap/hooks/mine";
  const cache = "/var/cache/ganeti-instance-debootstrap/cache-trixie-amd64.tar";
  for (const path of [hook, cache]) writeFileSync(at(path), "");
  expect(make("uninstall")).toContain(`${settings} is not as it was installed: kept`);
  expect(filesBelow(stage)).toEqual([settings, hook, cache]);
});

test("refuses to uninstall what is not there", () => {
  const { tree, stage } = staged();
  const { status, output } = make(tree, "uninstall", `DESTDIR=${stage}`);
  expect(status).not.toBe(0);
  expect(output).toContain("nothing is installed");
});

test("finds node on the PATH when it is told none, and warns of one below a home directory", () => {
  const { tree, stage, at } = staged();
  const bin = join(temporaryDirectory(), "bin");
  mkdirSync(bin);
  symlinkSync(process.execPath, join(bin, "node"));
  const install = (home: string): string => {
    const { stderr } = spawnSync("make", ["-s", "-o", "os-definition/create", "install", `DESTDIR=${stage}`], {
      cwd: tree,
      encoding: "utf8",
      env: { PATH: `${bin}:${process.env["PATH"] ?? ""}`, HOME: home },
    });
    return stderr;
  };
  expect(install("/root")).toBe("");
  expect(readFileSync(at("/srv/ganeti/os/debootstrap/create"), "utf8")).toContain(`\nnode='${join(bin, "node")}'\n`);
  expect(install(dirname(bin))).toContain("below a home directory");
});

test("takes a node for another machine into a staged tree, with a warning", () => {
  const { make, at } = staged();
  expect(make("install", "NODE=/opt/node/bin/node")).toContain("its version is not checked");
  expect(readFileSync(at("/srv/ganeti/os/debootstrap/verify"), "utf8")).toContain("\nnode='/opt/node/bin/node'\n");
});

test("refuses a node that is too old or that it cannot find, and installs nothing", () => {
  const { tree, stage } = staged();
  const old = join(temporaryDirectory(), "node");
  writeFileSync(old, '#!/bin/sh\n[ "$1" != --version ] || { echo v16.20.2; exit 0; }\nexit 1\n');
  chmodSync(old, 0o755);
  const tooOld = make(tree, "install", `DESTDIR=${stage}`, `NODE=${old}`);
  expect(tooOld.status).not.toBe(0);
  expect(tooOld.output).toContain(`${old} is version v16.20.2: 18.20 is the oldest that works`);
  const unknown = make(tree, "install", `DESTDIR=${stage}`, "NODE=no-such-node");
  expect(unknown.status).not.toBe(0);
  expect(unknown.output).toContain("make install NODE=");
  expect(existsSync(stage)).toBe(false);
});

test.each(["PREFIX=usr", "SYSCONFDIR=/etc with space", "OS_DIR=/srv/it's"])(
  "refuses %s and installs nothing",
  (word) => {
    const { tree, stage } = staged();
    const { status, output } = make(tree, "install", `DESTDIR=${stage}`, word);
    expect(status).not.toBe(0);
    expect(output).toContain(word.split("=")[0]);
    expect(existsSync(stage)).toBe(false);
  },
);

test("the installed scripts need nothing of the source tree", () => {
  const { make, tree, at } = staged();
  make("install");
  rmSync(tree, { recursive: true });
  const { status } = spawnSync(at("/srv/ganeti/os/debootstrap/create"), ["-h"], { cwd: "/", env: {} });
  expect(status).toBe(0);
});
