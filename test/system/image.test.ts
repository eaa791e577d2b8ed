import { EventEmitter, once } from "node:events";
import { constants, existsSync, readdirSync, readFileSync, readlinkSync, rmSync, writeFileSync } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import type { Config } from "../../src/config/config.ts";
import { flattenSuppressed, messageOf } from "../../src/host/errors.ts";
import { acquireSystem } from "../../src/system-image/acquire.ts";
import { seedCache } from "../fixtures/bootstrapped-cache.ts";
import { testConfig } from "../fixtures/config.ts";
import { diskFile, inGuest, loopOn, scarceDisk, sh } from "../fixtures/loop-disk.ts";
import { fakeCommands, temporaryDirectory, testHost, type TestHost } from "../fixtures/test-host.ts";

const gibibyte = 1024;

interface Install {
  readonly cacheDir: string;
  readonly filesystem: "ext2" | "ext3" | "ext4";
  readonly changes?: Partial<Config>;
  readonly host?: TestHost;
}

/** Disk sizes. Of ext2 and ext3 every inode table is written, by mkfs as well: 64 GiB of zeros on 8 TiB. */
function sizes(filesystem: string): readonly (readonly [name: string, mebibytes: number])[] {
  const small = [
    ["1 GiB", gibibyte],
    ["20 GiB", 20 * gibibyte],
  ] as const;
  return filesystem === "ext4" ? [...small, ["8 TiB", 8 * 1024 * gibibyte]] : small;
}

/** Puts the system on a device as create does, without configuring it. */
async function install(
  device: string,
  { cacheDir, filesystem, changes, host = testHost() }: Install,
): Promise<TestHost> {
  const guestFilesystem = { type: filesystem, suite: "trixie", bootloader: "none" } as const;
  await using system = await acquireSystem(host, testConfig(cacheDir, { filesystem, ...changes }), []);
  await using _target = await system.populate(device, guestFilesystem);
  return host;
}

/** Every path with all attributes and the contents of files, one a line. */
const everything = `
  find . -xdev -path ./lost+found -prune -o -type f -printf '%p %m %U %G %n %T@ %s\\n' -o -type d -printf '%p %m %U %G %T@\\n' \\
    -o -printf '%p %y %m %U %G %n %l %T@\\n' | sort
  find . -xdev -type f -print0 | sort -z | xargs -0 sha256sum
  find . -xdev '(' -type b -o -type c ')' -print0 | sort -z | xargs -0r stat -c '%n %t %T'
  getfattr -Rhd -m- --absolute-names . 2>/dev/null; getfacl -Rn . 2>/dev/null`;

/** Lines that only one of two texts has; not more than vitest can show. */
function differences(left: string, right: string): readonly string[] {
  const [a, b] = [new Set(left.split("\n")), new Set(right.split("\n"))];
  const onlyIn = (these: Set<string>, others: Set<string>): string[] => [...these].filter((line) => !others.has(line));
  return [...onlyIn(a, b), ...onlyIn(b, a)].slice(0, 20);
}

/** The lines of dumpe2fs in which two filesystems of one size and age must not differ. */
function geometry(device: string): string {
  const wanted =
    "Filesystem features|Filesystem flags|Default mount options|Errors behavior|Inode count|^Block count|Reserved block count|Block size|" +
    "Fragment size|Group descriptor size|Blocks per group|Inodes per group|Inode blocks per group|Flex block group size|Inode size|" +
    "Required extra isize|Desired extra isize|Reserved blocks uid|Default directory hash|Journal (inode|size|backup)|Total journal|Checksum type|Maximum mount count|Check interval";
  return sh(`dumpe2fs -h "$1" 2>/dev/null | grep -E "$2"`, device, wanted);
}

/** What a copy of the superblock says of the filesystem as a whole; e2fsck compares none of it. */
function backupOf(device: string, block: number): string {
  const wanted = "^Filesystem (UUID|features)|^(Block|Inode) count|^Reserved block count|^Journal inode";
  const place = block === 0 ? "" : `-o superblock=${String(block)} -o blocksize=4096`;
  return sh(`dumpe2fs -h ${place} "$1" 2>/dev/null | grep -E "$2"`, device, wanted);
}

describe.each(["ext2", "ext3", "ext4"] as const)("an image of %s", (filesystem) => {
  test("gives the same tree as the tar, on a device of random bytes and on an earlier guest", async () => {
    const host = testHost();
    const cacheDir = join(host.directory, "cache");
    addAttributes(seedCache(cacheDir));
    const byTar = diskFile(join(host.directory, "by-tar"), 700);
    const byImage = join(host.directory, "by-image");
    sh(`head -c 700M /dev/urandom >"$1"`, byImage);
    const device = loopOn(byImage);
    await install(loopOn(byTar), { cacheDir, filesystem, changes: { imageCache: false } });
    await install(device, { cacheDir, filesystem, host });
    expect(host.logged()).toContain("write the image of the system");
    expect(sh("e2fsck -fn $1 2>&1", device)).toMatch(/: \d+\/\d+ files/);
    const tree = inGuest(byTar, everything);
    expect(tree.split("\n").length).toBeGreaterThan(5000);
    expect(tree).toContain("user.colour");
    expect(differences(inGuest(byImage, everything), tree)).toEqual([]);

    await install(device, { cacheDir, filesystem });
    expect(sh("e2fsck -fn $1 2>&1", device)).toMatch(/: \d+\/\d+ files/);
    expect(differences(inGuest(byImage, everything), tree)).toEqual([]);
  });

  test.each(sizes(filesystem))(
    "has on %s the geometry that mkfs gives, and a UUID of its own",
    async (_size, mebibytes) => {
      const host = testHost();
      const cacheDir = join(host.directory, "cache");
      seedCache(cacheDir);
      const device = loopOn(diskFile(join(host.directory, "disk"), mebibytes));
      const plain = diskFile(join(host.directory, "plain"), mebibytes);
      sh(`mke2fs -q -F -t $2 "$1"`, plain, filesystem);
      await install(device, { cacheDir, filesystem, host });
      expect(host.logged()).toContain("write the image of the system");
      expect(geometry(device)).toBe(geometry(plain));
      expect(sh("e2fsck -fn $1 2>&1", device)).toMatch(/: \d+\/\d+ files/);
      expect(backupOf(device, 32_768)).toBe(backupOf(device, 0));
      const uuid = sh(`blkid -p -s UUID -o value "$1"`, device);
      await install(device, { cacheDir, filesystem });
      expect(sh(`blkid -p -s UUID -o value "$1"`, device)).not.toBe(uuid);
    },
  );
});

test.each([
  ["ext2", false],
  ["ext3", true],
  ["ext4", true],
] as const)(
  "while %s is being made, nobody else may write to the disk; it is mounted without barriers: %s",
  async (filesystem, withoutBarriers) => {
    const host = testHost();
    const cacheDir = join(host.directory, "cache");
    seedCache(cacheDir);
    const device = loopOn(diskFile(join(host.directory, "disk"), 2 * gibibyte));
    const guestFilesystem = { type: filesystem, suite: "trixie", bootloader: "none" } as const;
    for (const imageCache of [true, false]) {
      await using system = await acquireSystem(host, testConfig(cacheDir, { filesystem, imageCache }), []);
      await using target = await system.populate(device, guestFilesystem);
      const options = sh('findmnt --noheadings --output FS-OPTIONS "$1"', target.path);
      expect(/\bnobarrier\b/.test(options)).toBe(withoutBarriers);
      expect(opened(device, { forWriting: true })).toBe(false);
    }
  },
);

test("an image is whole on a disk so large that resize2fs moves blocks", async () => {
  const host = testHost();
  const cacheDir = join(host.directory, "cache");
  addAttributes(seedCache(cacheDir));
  const byTar = diskFile(join(host.directory, "by-tar"), 700);
  const byImage = diskFile(join(host.directory, "by-image"), 15 * 1024 * gibibyte);
  await install(loopOn(byTar), { cacheDir, filesystem: "ext4", changes: { imageCache: false } });
  const device = loopOn(byImage);
  await install(device, { cacheDir, filesystem: "ext4", host });
  expect(host.logged()).toContain("write the image of the system");
  expect(sh("e2fsck -fn $1 2>&1", device)).toMatch(/: \d+\/\d+ files/);
  expect(differences(inGuest(byImage, everything), inGuest(byTar, everything))).toEqual([]);
});

/** The real mke2fs with other features beside those of /etc/mke2fs.conf, for images and for comparison. */
function mke2fsWith(features: string): { readonly script: string; readonly config: string } {
  const config = join(temporaryDirectory(), "mke2fs.conf");
  sh(`sed "s/features = has_journal,/&$2,/" /etc/mke2fs.conf >"$1"; grep -q "$2" "$1"`, config, features);
  return { script: `MKE2FS_CONFIG='${config}' exec /sbin/mke2fs "$@"`, config };
}

test("an image with sparse_super2, where resize2fs moves a backup, is whole", async () => {
  const host = testHost({ path: fakeCommands({ mke2fs: mke2fsWith("sparse_super2").script }).path });
  const cacheDir = join(host.directory, "cache");
  seedCache(cacheDir);
  const device = loopOn(diskFile(join(host.directory, "disk"), 2 * gibibyte));
  await install(device, { cacheDir, filesystem: "ext4", host });
  expect(host.logged()).toContain("write the image of the system");
  expect(sh("e2fsck -fn $1 2>&1", device)).toMatch(/: \d+\/\d+ files/);
});

/** Whether this process has the device open, for reading only or not. */
function opened(device: string, { forWriting = false } = {}): boolean {
  return readdirSync("/proc/self/fd").some((fd) => {
    try {
      const flags = /^flags:\s+(\d+)$/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, "utf8"))?.[1];
      const mayWrite = (Number.parseInt(flags ?? "", 8) & (constants.O_WRONLY | constants.O_RDWR)) !== 0;
      return readlinkSync(`/proc/self/fd/${fd}`) === device && (mayWrite || !forWriting);
    } catch {
      // The listing's own.
      return false;
    }
  });
}

/** Has `flush` instead of fdatasync(2) until the test ends. */
async function flushBy(flush: (this: FileHandle) => Promise<void>): Promise<void> {
  await using file = await open("/dev/null");
  const spy = vi.spyOn(Object.getPrototypeOf(file) as FileHandle, "datasync").mockImplementation(flush);
  onTestFinished(() => {
    spy.mockRestore();
  });
}

test("what is flushed of a loop device while an image is copied is the file below; last the device itself", async () => {
  const host = testHost();
  const cacheDir = join(host.directory, "cache");
  seedCache(cacheDir);
  const disk = diskFile(join(host.directory, "disk"), 2 * gibibyte);
  const device = loopOn(disk);
  await install(device, { cacheDir, filesystem: "ext4", host });
  const flushed: string[] = [];
  await flushBy(async function () {
    await Promise.resolve();
    flushed.push(readlinkSync(`/proc/self/fd/${String(this.fd)}`));
  });
  await install(device, { cacheDir, filesystem: "ext4", host });
  const [last, ...others] = flushed.reverse();
  expect(last).toBe(device);
  expect(others.length).toBeGreaterThan(2);
  expect(new Set(others)).toEqual(new Set([disk]));
});

describe("when an image cannot be written", () => {
  async function prepared(commands: Readonly<Record<string, string>> = {}) {
    const host = testHost({ path: fakeCommands(commands).path });
    const cacheDir = join(host.directory, "cache");
    seedCache(cacheDir);
    const ordinary = loopOn(diskFile(join(host.directory, "ordinary"), 2 * gibibyte));
    await install(ordinary, { cacheDir, filesystem: "ext4", host });
    return { host, cacheDir, ordinary };
  }

  test("because there is no space for all contents, the error names the disk", async () => {
    const { host, cacheDir } = await prepared();
    const device = loopOn(scarceDisk(join(host.directory, "full"), 120, 2 * gibibyte));
    const failures = await install(device, { cacheDir, filesystem: "ext4", host }).then(() => [], flattenSuppressed);
    expect(failures.map(messageOf)).toEqual([expect.stringContaining(`cannot write to ${device}: `)]);
    expect(opened(device)).toBe(false);
  });

  // What is written to the upper loop device stays in the page cache of the lower one until it is flushed. Mostly a tool
  // is told first.
  test("because what the device took gets lost, the error names the disk", async () => {
    const { host, cacheDir } = await prepared();
    const device = loopOn(loopOn(scarceDisk(join(host.directory, "full"), 120, 2 * gibibyte)));
    const failures = await install(device, { cacheDir, filesystem: "ext4", host }).then(() => [], flattenSuppressed);
    expect(failures.map(messageOf)).toEqual([expect.stringContaining(`cannot write to ${device}: `)]);
    expect(opened(device)).toBe(false);
  });

  const lost = Object.assign(new Error("EIO: i/o error, fdatasync"), { code: "EIO", syscall: "fdatasync" });

  test("because a flush failed of which only we are told, it is not mounted any more", async () => {
    const { host, cacheDir, ordinary } = await prepared();
    await flushBy(() => Promise.reject(lost));
    const earlier = host.logged().length;
    await expect(install(ordinary, { cacheDir, filesystem: "ext4", host })).rejects.toThrow(
      `cannot write to ${ordinary}: EIO: i/o error, fdatasync`,
    );
    expect(host.logged().slice(earlier)).toContain("run resize2fs");
    expect(host.logged().slice(earlier)).not.toContain("run mount");
    expect(opened(ordinary)).toBe(false);
  });

  test("because the last flush fails when it is mounted already, this is the error in the end", async () => {
    const flag = join(temporaryDirectory(), "last");
    const { host, cacheDir, ordinary } = await prepared({
      tune2fs: `/sbin/tune2fs "$@" || exit; case "$*" in *-m*) touch '${flag}' ;; esac`,
    });
    rmSync(flag);
    const configured = new EventEmitter();
    // What is begun when all tools have ended.
    await flushBy(async () => {
      if (!existsSync(flag)) return;
      await once(configured, "end");
      throw lost;
    });
    const guestFilesystem = { type: "ext4", suite: "trixie", bootloader: "none" } as const;
    await using system = await acquireSystem(host, testConfig(cacheDir, { filesystem: "ext4" }), []);
    const target = await system.populate(ordinary, guestFilesystem);
    expect(readFileSync(join(target.path, "etc/debian_version"), "utf8")).not.toBe("");
    configured.emit("end");
    await expect(target[Symbol.asyncDispose]()).rejects.toThrow(
      `cannot write to ${ordinary}: EIO: i/o error, fdatasync`,
    );
    expect(opened(ordinary)).toBe(false);
    expect(sh('findmnt --noheadings --source "$1" || true', ordinary)).toBe("");
  });

  test.each(["tune2fs", "resize2fs", "blkdiscard"])(
    "because %s fails, all has ended when the error comes",
    async (command) => {
      const flag = join(temporaryDirectory(), "fail");
      const script = `[ ! -e '${flag}' ] || { echo broken >&2; exit 1; }; exec "$(PATH=/usr/sbin:/sbin command -v ${command})" "$@"`;
      const { host, cacheDir, ordinary } = await prepared({ [command]: script });
      writeFileSync(flag, "");
      await expect(install(ordinary, { cacheDir, filesystem: "ext4", host })).rejects.toThrow(/broken/);
      expect(opened(ordinary)).toBe(false);
    },
  );
});

test.each(["orphan_file", "orphan_file,metadata_csum_seed"])(
  "an image has %s where mke2fs.conf asks for it, as Debian's does since trixie",
  async (features) => {
    const { script, config } = mke2fsWith(features);
    const host = testHost({ path: fakeCommands({ mke2fs: script }).path });
    const cacheDir = join(host.directory, "cache");
    seedCache(cacheDir);
    const device = loopOn(diskFile(join(host.directory, "disk"), 2 * gibibyte));
    const plain = diskFile(join(host.directory, "plain"), 2 * gibibyte);
    sh(`MKE2FS_CONFIG="$2" mke2fs -q -F -t ext4 "$1"`, plain, config);
    await install(device, { cacheDir, filesystem: "ext4", host });
    expect(host.logged()).toContain("write the image of the system");
    expect(sh(`dumpe2fs -h "$1" 2>/dev/null`, device)).toContain("Orphan file inode");
    expect(geometry(device)).toBe(geometry(plain));
    expect(sh("e2fsck -fn $1 2>&1", device)).toMatch(/: \d+\/\d+ files/);
  },
);

/** Installs as {@link install} does, in a process of its own for which `settings` is /etc/mke2fs.conf. */
function installWith(settings: string, device: string, cacheDir: string): void {
  const directory = temporaryDirectory();
  const script = join(directory, "install.mts");
  const config = join(directory, "mke2fs.conf");
  const source = new URL("../../src/system-image/acquire.ts", import.meta.url).pathname;
  writeFileSync(config, settings);
  writeFileSync(
    script,
    `import { acquireSystem } from ${JSON.stringify(source)};
     import { createLog } from ${JSON.stringify(source.replace("system-image/acquire", "host/log"))};
     import { openJournal } from ${JSON.stringify(source.replace("system-image/acquire", "host/journal"))};
     const [path, runDir, config, filesystem, device] = JSON.parse(process.argv[2]);
     const log = createLog({ write: () => undefined });
     const host = { path, runDir, log, signal: new AbortController().signal, journal: openJournal(runDir) };
     await using system = await acquireSystem(host, config, []);
     await using target = await system.populate(device, filesystem);`,
  );
  const filesystem = { type: "ext4", suite: "trixie", bootloader: "none" };
  const path = "/usr/sbin:/usr/bin:/sbin:/bin";
  const argument = JSON.stringify([path, join(directory, "run"), testConfig(cacheDir), filesystem, device]);
  sh(
    `unshare --mount --propagation private bash -euc 'mount --bind "$1" /etc/mke2fs.conf; exec node_modules/.bin/tsx "$2" "$3"' \
      bash "$@"`,
    config,
    script,
    argument,
  );
}

test("after a change of mke2fs.conf another image is made, and the one of before is used when it is as before", async () => {
  const host = testHost();
  const cacheDir = join(host.directory, "cache");
  seedCache(cacheDir);
  const device = loopOn(diskFile(join(host.directory, "disk"), 2 * gibibyte));
  const images = (): readonly string[] => readdirSync(cacheDir).filter((name) => name.endsWith(".img"));
  const inodeSize = (): string => sh(`dumpe2fs -h "$1" 2>/dev/null | sed -n 's/^Inode size:[[:space:]]*//p'`, device);
  await install(device, { cacheDir, filesystem: "ext4", host });
  expect(inodeSize()).toBe("256");
  const settings = readFileSync("/etc/mke2fs.conf", "utf8");
  installWith(settings.replace("inode_size = 256", "inode_size = 512"), device, cacheDir);
  expect(inodeSize()).toBe("512");
  expect(images()).toHaveLength(2);
  installWith(settings, device, cacheDir);
  expect(inodeSize()).toBe("256");
  expect(images()).toHaveLength(2);
});

test("nothing that the disk held before is left of it, but at its end, which is wiped before", async () => {
  const host = testHost();
  const cacheDir = join(host.directory, "cache");
  seedCache(cacheDir);
  const disk = join(host.directory, "disk");
  sh(`{ yes "of the last tenant" || true; } | head -c 700M >"$1"`, disk);
  const leavesTraces = `head -c -2M "$1" | grep -a "of the last tenant" >/dev/null && echo yes || echo no`;
  expect(sh(leavesTraces, disk)).toBe("yes");
  await install(loopOn(disk), { cacheDir, filesystem: "ext4", host });
  expect(host.logged()).toContain("write the image of the system");
  expect(sh(leavesTraces, disk)).toBe("no");
});

/** Unpacks, changes and packs the tar again, as an administrator would, with what careless tools lose. */
function addAttributes(tar: string): void {
  sh(
    `dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT
     all="--numeric-owner --acls --selinux --xattrs --xattrs-include=*"; set -f
     tar -C "$dir" -xpf "$1" $all
     cd "$dir"; echo x >srv/coloured; setfattr -n user.colour -v blue srv/coloured; setfacl -m u:1234:r srv/coloured
     cp usr/bin/true srv/capable; setcap cap_net_raw+ep srv/capable
     setfattr -n user.long -v "$(head -c 2000 /dev/zero | tr '\\0' x)" srv/coloured
     ln -s "$(head -c 300 /dev/zero | tr '\\0' y)" srv/long-link
     mkdir srv/many; seq 4000 | sed 's|^|srv/many/a-name-that-fills-the-directory-|' | xargs touch
     head -c 40M /dev/urandom >srv/large; head -c 4M /dev/urandom >srv/holes; truncate -s 12M srv/holes
     mkfifo srv/fifo; ln srv/coloured srv/hardlink; truncate -s 3M srv/zeros; head -c 2M /dev/zero >srv/written-zeros
     tar -C "$dir" -cf "$1" $all .`,
    tar,
  );
}
