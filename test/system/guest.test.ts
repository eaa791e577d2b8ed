import { execFileSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { makeFilesystem } from "../../src/filesystems/make.ts";
import { mountFilesystem } from "../../src/filesystems/mount.ts";
import { configureGuest } from "../../src/guest/configure.ts";
import { findHooks } from "../../src/guest/hooks/find.ts";
import { runHooks } from "../../src/guest/hooks/run.ts";
import { openRoot } from "../../src/host/files/rooted-files.ts";
import { bootstrappedTar, cachedSuite } from "../fixtures/bootstrapped-cache.ts";
import { diskFile, loopOn, sh } from "../fixtures/loop-disk.ts";
import { temporaryDirectory, testHost } from "../fixtures/test-host.ts";

function mounted(directory: string, ...args: readonly string[]): void {
  mkdirSync(directory, { recursive: true });
  execFileSync("mount", [...args, directory]);
  onTestFinished(() => {
    execFileSync("umount", [directory]);
  });
}

describe("files of a root", () => {
  test("are not read or written on another filesystem that is mounted in it", async () => {
    const root = temporaryDirectory();
    mounted(join(root, "etc"), "-t", "tmpfs", "tmpfs");
    writeFileSync(join(root, "etc/hostname"), "other\n");
    const files = openRoot(root);
    await expect(files.read("/etc/hostname")).rejects.toThrow("/etc in the guest: another filesystem is mounted there");
    await expect(files.write("/etc/hostname", "x")).rejects.toThrow("another filesystem is mounted there");
    await expect(files.remove("/etc", { recursive: true })).rejects.toThrow("another filesystem is mounted there");
    expect(readFileSync(join(root, "etc/hostname"), "utf8")).toBe("other\n");
  });

  test("are not those of the node that a bind mount shows", async () => {
    const directory = temporaryDirectory();
    const root = join(directory, "root");
    mkdirSync(join(directory, "node"));
    writeFileSync(join(directory, "node/hostname"), "node\n");
    mounted(join(root, "etc"), "--bind", join(directory, "node"));
    await expect(openRoot(root).read("/etc/hostname")).rejects.toThrow("another filesystem is mounted there");
    writeFileSync(join(root, "file"), "");
    execFileSync("mount", ["--bind", join(directory, "node/hostname"), join(root, "file")]);
    onTestFinished(() => {
      execFileSync("umount", [join(root, "file")]);
    });
    await expect(openRoot(root).read("/file")).rejects.toThrow(
      "/file in the guest: another filesystem is mounted there",
    );
  });

  test("may lie in a subvolume of the same btrfs", async () => {
    const directory = temporaryDirectory();
    const device = loopOn(diskFile(join(directory, "disk"), 160));
    execFileSync("mkfs.btrfs", ["-q", device]);
    const root = join(directory, "root");
    mounted(root, device);
    execFileSync("btrfs", ["-q", "subvolume", "create", join(root, "etc")]);
    const files = openRoot(root);
    await files.write("/etc/hostname", "web\n");
    expect(await files.read("/etc/hostname")).toBe("web\n");
  });
});

describe("hooks", () => {
  async function target(host: ReturnType<typeof testHost>): Promise<Awaited<ReturnType<typeof mountFilesystem>>> {
    const device = loopOn(diskFile(join(host.directory, "disk"), 64));
    await makeFilesystem(host, device, { type: "ext4", suite: cachedSuite });
    return await mountFilesystem(host, device, { type: "ext4" });
  }

  function hook(host: ReturnType<typeof testHost>, name: string, body: string): string {
    const directory = join(host.directory, "hooks");
    mkdirSync(directory, { recursive: true });
    writeFileSync(join(directory, name), `#!/bin/bash\nset -e\n${body}\n`);
    chmodSync(join(directory, name), 0o755);
    return directory;
  }

  test("leave no daemon and no mount: the filesystem can be unmounted", async () => {
    const host = testHost();
    const guest = await target(host);
    hook(
      host,
      "10-daemon",
      'cd "$TARGET"; exec 9>held; setsid sleep 1000 & echo $! >pid; mkdir proc; mount -t proc proc proc',
    );
    const directory = hook(host, "20-later", '[ -d "$TARGET/proc/1" ]; [ "$(readlink /proc/self/fd/0)" = /dev/null ]');
    const environment = { PATH: host.path, TARGET: guest.path };
    await runHooks(host, await findHooks(host, directory), { environment, osDir: "/" });
    expect(existsSync(join(guest.path, "proc/1"))).toBe(false);
    await guest[Symbol.asyncDispose]();
    expect(readFileSync("/proc/self/mountinfo", "utf8")).not.toContain(guest.path);
  });

  test("may use devices, set-id programs and programs of the guest", async () => {
    const host = testHost();
    await using guest = await target(host);
    const directory = hook(
      host,
      "10-use",
      'cd "$TARGET"; mknod null c 1 3; echo x >null; cp /bin/true t; ldd t | grep -q libc; ./t',
    );
    const environment = { PATH: host.path, TARGET: guest.path };
    await runHooks(host, await findHooks(host, directory), { environment, osDir: "/" });
    expect(host.logged()).toContain("10-use");
  });

  test("that set the scene by common.sh and a cleanup list, as the original's examples do, work", async () => {
    const host = testHost();
    await using guest = await target(host);
    const osDir = join(host.directory, "os");
    mkdirSync(osDir);
    symlinkSync(join(process.cwd(), "os-definition/common.sh"), join(osDir, "common.sh"));
    const directory = hook(
      host,
      "10-classic",
      '. common.sh\nCLEANUP+=("touch $TARGET/cleaned")\nlog_error "says $TARGET"\ncleanup\ntrap - EXIT',
    );
    const environment = { PATH: host.path, TARGET: guest.path };
    await runHooks(host, await findHooks(host, directory), { environment, osDir });
    expect(host.logged()).toContain(`says ${guest.path}`);
    expect(existsSync(join(guest.path, "cleaned"))).toBe(true);
  });
});

describe("a configured guest", () => {
  let tree: string;

  beforeAll(async () => {
    tree = sh("mktemp -d");
    sh('tar -x -C "$1" -f "$2"', tree, bootstrappedTar());
    const host = { ...testHostOfSuite(tree) };
    // Stands for dropbear-bin's: the options are those that dropbearkey(1) has.
    const dropbearkey = '#!/bin/sh\necho "$*" >"/etc/dropbear/dropbear_$2_host_key"; echo "Fingerprint: SHA256:$2"\n';
    for (const [path, text] of [
      ["usr/sbin/dropbear", ""],
      ["usr/bin/dropbearkey", dropbearkey],
    ] as const) {
      writeFileSync(join(tree, path), text, { mode: 0o755 });
    }
    const guest = {
      files: openRoot(tree),
      filesystem: { uuid: "11111111-2222-3333-4444-555555555555", type: "ext4" as const },
      swap: { uuid: "66666666-7777-8888-9999-000000000000" },
      dataDisks: [],
    };
    const serial = { port: "ttyS0", speed: 115_200, isLine: true };
    await configureGuest(host, guest, { name: "web.example.com", nics: [] }, { serial });
    return () => {
      sh('rm -rf --one-file-system "$1"', tree);
    };
  });

  const inside = (command: string): string =>
    sh(
      `unshare --mount --pid --fork sh -ec 'mount -t proc proc "$1/proc"; exec chroot "$1" sh -c "$2"' sh "$1" "$2"`,
      tree,
      command,
    );

  test("lets root in without a password", () => {
    expect(inside("passwd --status root").split(" ").slice(0, 2)).toEqual(["root", "NP"]);
    expect(inside("pwck --read-only --quiet; grpck --read-only --quiet; true")).toBe("");
  });

  test("resolves its own full and short name", () => {
    expect(inside("getent hosts web.example.com").split(/\s+/)).toEqual(["127.0.1.1", "web.example.com", "web"]);
    expect(inside("getent hosts web").split(/\s+/)[0]).toBe("127.0.1.1");
  });

  test("starts a login on its serial console at the speed asked for", () => {
    expect(inside("systemctl is-enabled serial-getty@ttyS0.service")).toBe("enabled");
    expect(inside("systemd-analyze --man=no verify serial-getty@ttyS0.service 2>&1 | grep -c ttyS0 || true")).toBe("0");
    expect(readFileSync(join(tree, "etc/systemd/system/serial-getty@ttyS0.service.d/speed.conf"), "utf8")).toContain(
      "115200",
    );
  });

  test("has keys for dropbear, made by its own dropbearkey", () => {
    const made = (type: string): string => readFileSync(join(tree, `etc/dropbear/dropbear_${type}_host_key`), "utf8");
    expect(made("ed25519")).toBe("-t ed25519 -f /etc/dropbear/dropbear_ed25519_host_key\n");
    expect(made("rsa")).toBe("-t rsa -s 3072 -f /etc/dropbear/dropbear_rsa_host_key\n");
    expect(statSync(join(tree, "etc/dropbear/dropbear_rsa_host_key")).mode & 0o777).toBe(0o600);
  });

  test("mounts what its fstab lists", () => {
    const listed = inside("findmnt --fstab --noheadings --list --output SOURCE,TARGET,FSTYPE").split("\n");
    expect(listed.map((line) => line.split(/\s+/).slice(1).join(" "))).toEqual(["/ ext4", "/proc proc", "none swap"]);
  });

  test("has a resolver of the node's and no identity of another", () => {
    expect(readFileSync(join(tree, "etc/resolv.conf"), "utf8")).not.toMatch(/^nameserver (?:127\.|::1)/m);
    expect(readFileSync(join(tree, "etc/machine-id"), "utf8")).toBe("");
  });

  test("has every file readable, whatever the umask was", () => {
    expect(sh('cd "$1/etc" && find hostname mailname hosts fstab resolv.conf ! -perm 644', tree)).toBe("");
    expect(inside("stat -c %U:%G:%a /etc/shadow")).toBe("root:shadow:640");
  });
});

// Made outside of a test: its directory lies beside the tree.
function testHostOfSuite(directory: string): Parameters<typeof configureGuest>[0] {
  return {
    path: "/usr/sbin:/usr/bin:/sbin:/bin",
    runDir: `${directory}.run`,
    log: {
      setVerbose: () => undefined,
      conclude: () => undefined,
      concluded: () => undefined,
      phases: [],
      failedPhase: () => undefined,
      debug: () => undefined,
      info: () => undefined,
      warn: () => undefined,
      error: () => undefined,
      phase: (_, work) => work(),
      progress: () => undefined,
      raw: () => undefined,
    },
    signal: new AbortController().signal,
    journal: { record: () => () => undefined, open: () => [], close: () => undefined },
  };
}
