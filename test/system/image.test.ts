import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { Config } from "../../src/config/config.ts";
import { acquireSystem } from "../../src/system-image/acquire.ts";
import { seedCache } from "../fixtures/bootstrapped-cache.ts";
import { testConfig } from "../fixtures/config.ts";
import { diskFile, inGuest, loopOn, sh } from "../fixtures/loop-disk.ts";
import { testHost, type TestHost } from "../fixtures/test-host.ts";

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
  const needs = { packages: [], filesystem, bootloader: "none" } as const;
  await using system = await acquireSystem(host, testConfig(cacheDir, { filesystem, ...changes }), needs);
  await using _target = await system.populate(device);
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
