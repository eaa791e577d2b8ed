import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { architecture, cachedSuite, seedCache } from "../fixtures/bootstrapped-cache.ts";
import { installOs, instanceVariables, type ScriptResult } from "../fixtures/installed-os.ts";
import { leftovers } from "../fixtures/leftovers.ts";
import { diskFile, inGuest, loopOn, sh } from "../fixtures/loop-disk.ts";
import { temporaryDirectory } from "../fixtures/test-host.ts";

const mebibyte = 1024 * 1024;
const name = "host1.example.com";
const os = installOs();
const tar = seedCache(os.cacheDir);
let directory: string;
let before: ReturnType<typeof leftovers>;

beforeEach(() => {
  directory = temporaryDirectory();
  os.settings("");
  os.removeHooks();
  before = leftovers(os, directory);
});
afterEach(() => {
  expect(leftovers(os, directory)).toEqual(before);
});

function succeed(result: ScriptResult): string {
  expect(result, result.stderr).toMatchObject({ status: 0 });
  expect(result.stdout.toString()).toBe("");
  return result.stderr;
}

async function createOnFile(disk: string, env: Readonly<Record<string, string>> = {}): Promise<ScriptResult> {
  return await os.run("create", { env: instanceVariables(name, [disk], env) });
}

const garbage: Readonly<Record<string, (device: string) => void>> = {
  "random bytes": (device) => {
    sh('head -c 60M /dev/urandom | dd of="$1" bs=1M conv=notrunc status=none', device);
  },
  "an old gpt": (device) => {
    sh('echo -e "label: gpt\\nsize=40M\\n" | sfdisk -q --wipe never --no-reread --no-tell-kernel "$1"', device);
  },
  "an old LVM signature": (device) => {
    sh(
      'printf "LABELONE\\1\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0\\040\\0\\0\\0LVM2 001" | dd of="$1" bs=512 seek=1 conv=notrunc status=none',
      device,
    );
  },
  "an earlier guest's filesystem": (device) => {
    sh('mkfs.ext3 -q -F "$1"; dd if=/dev/urandom of="$1" bs=1M seek=30 count=8 conv=notrunc status=none', device);
  },
};

describe.each(Object.keys(garbage))("on disks that held %s", (kind) => {
  test("creates by API 5 flags on two block devices, without a partition table", async () => {
    const disk = loopOn(diskFile(join(directory, "sda"), 1024));
    const swap = loopOn(diskFile(join(directory, "sdb"), 64));
    before = leftovers(os, directory);
    garbage[kind]?.(disk);
    garbage[kind]?.(swap);
    succeed(await os.run("create", { args: ["-i", name, "-b", disk, "-s", swap] }));
    expect(sh('blkid -p -s TYPE -o value "$1"', swap)).toBe("swap");
    expect(sh('wipefs --noheadings --output TYPE "$1"', disk)).toBe("ext4");
    sh('e2fsck -fn "$1" >/dev/null 2>&1', disk);
    const uuid = sh('blkid -p -s UUID -o value "$1"', disk);
    const swapUuid = sh('blkid -p -s UUID -o value "$1"', swap);
    const fstab = inGuest(disk, "cat etc/fstab");
    expect(fstab).toContain(`UUID=${uuid}`);
    expect(fstab).toMatch(new RegExp(`UUID=${swapUuid}\\s+none\\s+swap`));
    expect(fstab).toMatch(/^proc\s+\/proc\s+proc/m);
  });

  test("creates by API 20 variables on a file, with an msdos table", async () => {
    const disk = diskFile(join(directory, "disk0"), 1024);
    garbage[kind]?.(disk);
    succeed(await createOnFile(disk));
    const { partitiontable: table } = JSON.parse(sh('sfdisk --json "$1"', disk)) as {
      partitiontable: { label: string; partitions: { start: number; size: number; type: string; bootable: boolean }[] };
    };
    expect(table.label).toBe("dos");
    expect(table.partitions).toEqual([
      expect.objectContaining({ start: 2048, size: 2 * mebibyte - 2048, type: "83", bootable: true }) as unknown,
    ]);
    expect(sh('wipefs --noheadings --output TYPE "$1"', disk)).toBe("dos");
    sh('dd if="$1" of="$1.fs" bs=1M skip=1 conv=sparse status=none; e2fsck -fn "$1.fs" >/dev/null 2>&1', disk);
    expect(inGuest(disk, "cat etc/hostname", mebibyte)).toBe(name);
  });
});

test("configures the guest", async () => {
  const disk = diskFile(join(directory, "disk0"), 1024);
  const log = succeed(
    await createOnFile(disk, {
      INSTANCE_HV_serial_console: "True",
      INSTANCE_HV_serial_speed: "38400",
      HYPERVISOR: "kvm",
      NIC_COUNT: "1",
      NIC_0_MAC: "aa:00:00:11:22:33",
      NIC_0_IP: "192.0.2.7",
    }),
  );
  const guest = (script: string): string => inGuest(disk, script, mebibyte);
  expect(guest("grep ^root: etc/shadow")).toMatch(/^root::/);
  expect(guest("cat etc/mailname")).toBe(name);
  expect(guest("stat -c %a etc/mailname etc/hostname etc/hosts etc/fstab")).toBe("644\n644\n644\n644");
  expect(guest("cat etc/hosts")).toMatch(/^192\.0\.2\.7\s+host1\.example\.com\s+host1$/m);
  expect(guest("cat etc/network/interfaces")).toMatch(/^iface lo inet loopback$/m);
  expect(guest("stat -c %s etc/machine-id")).toBe("0");
  expect(
    guest(
      "ls -la etc/systemd/system/getty.target.wants etc/systemd/system/serial-getty@ttyS0.service.d; cat etc/systemd/system/serial-getty@ttyS0.service.d/*",
    ),
  ).toContain("38400");
  expect(guest("find . -xdev \\( -name '*.deb' -o -name policy-rc.d -o -name '*.gid-*' \\) -print")).toBe("");
  expect(guest("ls -A tmp")).toBe("");
  expect(log).toContain(`created ${name}`);
  expect(log.trimEnd().split("\n").at(-1)).toMatch(
    /^info: [\d.]+ s in all: check the disk [\d.]+, .*configure the guest [\d.]+/,
  );
  expect(log).toContain(cachedSuite);
});

test("formats ext2 without a journal when ext2 is asked for", async () => {
  const disk = diskFile(join(directory, "disk0"), 1024);
  succeed(await createOnFile(disk, { OSP_FILESYSTEM: "ext2", PARTITION_STYLE: "none" }));
  expect(sh('blkid -p -s TYPE -o value "$1"', disk)).toBe("ext2");
});

test("works on a disk with 4096-byte sectors", async () => {
  const disk = loopOn(diskFile(join(directory, "disk0"), 1024), "--sector-size", "4096");
  before = leftovers(os, directory);
  succeed(await createOnFile(disk));
  expect(JSON.parse(sh('sfdisk --json "$1"', disk))).toMatchObject({
    partitiontable: { sectorsize: 4096, partitions: [{ start: 2048 }] },
  });
  expect(inGuest(disk, "cat etc/hostname", 2048 * 4096)).toBe(name);
});

describe("refuses, and leaves the disk as it was,", () => {
  async function refused(disk: string, env: Readonly<Record<string, string>>, message: RegExp): Promise<void> {
    const sum = sh('sha256sum <"$1"', disk);
    const result = await createOnFile(disk, env);
    expect(result.status).toBe(1);
    expect(result.stderr).toMatch(message);
    expect(sh('sha256sum <"$1"', disk)).toBe(sum);
  }

  test("a disk that is too small for the system", async () => {
    await refused(diskFile(join(directory, "disk0"), 200), {}, /too small/);
  });

  test("a mounted disk", async () => {
    const disk = loopOn(diskFile(join(directory, "disk0"), 1024));
    sh('mkfs.ext2 -q "$1"', disk);
    const holder = spawn("unshare", [
      "--mount",
      "--propagation",
      "private",
      "sh",
      "-c",
      'mount -o ro "$1" /mnt && echo up && exec cat',
      "sh",
      disk,
    ]);
    await once(holder.stdout, "data");
    before = leftovers(os, directory);
    await refused(disk, {}, /in use|mounted/);
    holder.stdin.end();
    await once(holder, "exit");
  });

  test("a file that a loop device uses", async () => {
    const disk = diskFile(join(directory, "disk0"), 1024);
    const loop = loopOn(disk, "--offset", "1048576");
    before = leftovers(os, directory);
    await refused(disk, {}, new RegExp(loop));
  });

  test("a variant without a configuration file", async () => {
    await refused(diskFile(join(directory, "disk0"), 64), { OS_VARIANT: "nowhere" }, /nowhere/);
  });

  test("settings that make no sense, all at once", async () => {
    os.settings("PARTITION_STYLE=bsd\nCLEAN_CACHE=soon\n");
    const disk = diskFile(join(directory, "disk0"), 64);
    const result = await createOnFile(disk);
    expect(result.stderr).toMatch(/PARTITION_STYLE/);
    expect(result.stderr).toMatch(/CLEAN_CACHE/);
    expect(result.status).not.toBe(0);
  });
});

describe("a wrong call", () => {
  test.each([
    ["create", [], {}],
    ["create", ["-i", name], {}],
    ["create", ["-i", "a/b", "-b", "/dev/x", "-s", "/dev/y"], {}],
    ["create", ["-i", name, "-b", "/dev/x", "-s", "/dev/x"], {}],
    ["create", ["-i", name, "-b", "/dev/x", "-s", "/dev/y", "--frob"], {}],
    ["import", ["-i", name, "-b", "/dev/x"], {}],
    ["rename", ["-o", name, "-b", "/dev/x", "-s", "/dev/y"], {}],
    ["export", ["-i", name], {}],
    ["create", [], { OS_API_VERSION: "20" }],
    ["create", [], { OS_API_VERSION: "17" }],
    ["rename", [], instanceVariables(name, ["/dev/x"])],
    ["export", [], instanceVariables(name, ["/dev/x"])],
    ["import", [], instanceVariables(name, ["/dev/x"])],
  ] as const)("of %s %j %j says so on stderr and exits 2", async (script, args, env) => {
    const result = await os.run(script, { args: [...args], env });
    expect(result.status, result.stderr).toBe(2);
    expect(result.stderr).not.toBe("");
    expect(result.stdout.toString()).toBe("");
  });

  test("names every missing variable", async () => {
    const { stderr } = await os.run("create", { env: { OS_API_VERSION: "20" } });
    for (const variable of ["INSTANCE_NAME", "DISK_COUNT"]) expect(stderr).toContain(variable);
  });
});

test.each(["create", "import", "export", "rename", "verify"])("%s --help works for anybody", async (script) => {
  for (const flag of ["-h", "--help"]) {
    const result = await os.run(script, { args: [flag] });
    expect(result).toMatchObject({ status: 0, stderr: "" });
    expect(result.stdout.toString()).toContain(script);
  }
  chmodSync(os.directory, 0o755);
  const byNobody = execFileSync(
    "setpriv",
    ["--reuid", "65534", "--regid", "65534", "--clear-groups", join(os.osDir, script), "-h"],
    { cwd: "/" },
  );
  expect(byNobody.toString()).toContain(script);
});

describe("hooks", () => {
  test("see Ganeti's environment and the seven variables, run in order and are named", async () => {
    const disk = diskFile(join(directory, "disk0"), 1024);
    os.settings("export SITE=lab\nEXTRA_PKGS=\n");
    os.hook(
      "10-first",
      `#!/bin/bash
set -eu
[ "$PWD" = ${os.osDir} ] && [ "$SUITE" = ${cachedSuite} ] && [ "$ARCH" = ${architecture()} ] && [ "$PARTITION_STYLE" = msdos ]
[ "$INSTANCE_NAME" = ${name} ] && [ "$SITE" = lab ] && [ "\${EXTRA_PKGS-unset}" != unset ] && [ "$OS_API_VERSION" = 20 ]
[ -b "$BLOCKDEV" ] && [ -b "$FSYSDEV" ] && [ -z "$(cat)" ]
findmnt -n -o OPTIONS "$TARGET" | grep -qv -E 'nosuid|nodev|noexec'
[ "$(stat -c %a "$(dirname "$TARGET")")" = 700 ]
chroot "$TARGET" /bin/true
echo said by the first
touch "$TARGET/first"
`,
    );
    os.hook("20-second", `#!/bin/sh\n[ -e "$TARGET/first" ] && touch "$TARGET/second"\n`);
    os.hook("not.a.hook", `#!/bin/sh\nexit 1\n`);
    const log = succeed(await createOnFile(disk));
    expect(log).toMatch(/10-first[\s\S]*said by the first[\s\S]*20-second/);
    expect(inGuest(disk, "ls first second", mebibyte)).toBe("first\nsecond");
  });

  test("fail create with the hook's name and status, and the next one does not run", async () => {
    const disk = diskFile(join(directory, "disk0"), 1024);
    const mark = join(directory, "ran");
    os.hook("10-bad", "#!/bin/sh\nexit 7\n");
    os.hook("20-next", `#!/bin/sh\ntouch ${mark}\n`);
    const result = await createOnFile(disk);
    expect(result.status).toBe(1);
    const end = result.stderr.split("\n").slice(-20).join("\n");
    expect(end).toMatch(/10-bad/);
    expect(end).toMatch(/7/);
    expect(existsSync(mark)).toBe(false);
  });

  test("may leave a daemon behind: it is ended and does not block the unmount", async () => {
    const disk = diskFile(join(directory, "disk0"), 1024);
    os.hook("daemon", '#!/bin/sh\ncd "$TARGET"; setsid sleep 1234 >/dev/null 2>&1 </dev/null &\nexit 0\n');
    succeed(await createOnFile(disk));
    expect(spawnedBy("sleep 1234")).toBe("");
  });

  test("in the original's style find common.sh, cleanup and log_error", async () => {
    const disk = diskFile(join(directory, "disk0"), 1024);
    const mark = join(directory, "cleaned");
    os.hook(
      "original",
      `#!/bin/bash
set -e
. common.sh
CLEANUP=( )
trap cleanup EXIT
CLEANUP+=("touch ${mark}")
log_error "said by log_error"
[ -n "$VOL_ID" ]
exit 0
`,
    );
    expect(succeed(await createOnFile(disk))).toContain("said by log_error");
    expect(existsSync(mark)).toBe(true);
  });
});

describe("the cache", () => {
  test("keeps a file capability, an ACL and a user xattr", async () => {
    const disk = diskFile(join(directory, "disk0"), 1024);
    const saved = readFileSync(tar);
    try {
      sh(
        `d=$(mktemp -d); mkdir $d/opt; cp /bin/true $d/opt/tool; setcap cap_net_raw+ep $d/opt/tool
         setfattr -n user.origin -v cache $d/opt/tool; setfacl -m u:33:r $d/opt/tool
         tar -C $d -rf "$1" --acls --xattrs --xattrs-include='*' ./opt/tool; rm -r $d`,
        tar,
      );
      succeed(await createOnFile(disk));
    } finally {
      writeFileSync(tar, saved);
    }
    const seen = inGuest(
      disk,
      "getcap opt/tool; getfattr --only-values -n user.origin opt/tool; echo; getfacl -n opt/tool",
      mebibyte,
    );
    expect(seen).toMatch(/opt\/tool cap_net_raw=ep\ncache\n[\s\S]*user:33:r--/);
  });

  test("that is older than CLEAN_CACHE days but not writable is kept and used", async () => {
    const disk = diskFile(join(directory, "disk0"), 1024);
    const { atime, mtime, mode } = statSync(tar);
    chmodSync(tar, 0o444);
    utimesSync(tar, new Date(0), new Date(0));
    try {
      succeed(await createOnFile(disk, {}));
      expect(readdirSync(os.cacheDir)).toContain(`cache-${cachedSuite}-${architecture()}.tar`);
    } finally {
      chmodSync(tar, mode);
      utimesSync(tar, atime, mtime);
    }
  });

  test("is used with GENERATE_CACHE=no too", async () => {
    const disk = diskFile(join(directory, "disk0"), 1024);
    os.settings("GENERATE_CACHE=no\n");
    succeed(await createOnFile(disk));
  });
});

test("fails when the host's filesystem under a file disk is full", async () => {
  const small = join(directory, "small");
  mkdirSync(small);
  sh('truncate -s 200M "$1/backing"; mkfs.ext4 -q "$1/backing"; mount -o loop "$1/backing" "$1/small"', directory);
  try {
    const disk = diskFile(join(small, "disk0"), 1024);
    before = leftovers(os, directory);
    const result = await createOnFile(disk);
    expect(result.status).toBe(1);
    expect(result.stderr).toMatch(/No space left|I\/O error|Input\/output error/i);
    expect(result.stderr.split("\n").slice(-20).join("\n")).toContain(`the filesystem that holds disk ${disk} is full`);
    rmSync(disk);
  } finally {
    sh('umount "$1"', small);
    before = leftovers(os, directory);
  }
});

function spawnedBy(command: string): string {
  return sh('pgrep -f -x "$1" || true', command);
}
