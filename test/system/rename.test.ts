import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { markFailedImport } from "../../src/stream/restore/failed-import.ts";
import { fillTree } from "../fixtures/guest-tree.ts";
import { ganetiPath, installOs, instanceVariables, type ScriptResult } from "../fixtures/installed-os.ts";
import { leftovers } from "../fixtures/leftovers.ts";
import { diskFile, inGuest, loopOn, sh } from "../fixtures/loop-disk.ts";
import { temporaryDirectory } from "../fixtures/test-host.ts";

const mebibyte = 1024 * 1024;
const oldName = "web.example.com";
const newName = "shop.example.net";
const os = installOs();

let directory: string;
let before: ReturnType<typeof leftovers>;

beforeEach(() => {
  directory = temporaryDirectory();
  os.settings("");
  before = leftovers(os, directory);
});
afterEach(() => {
  expect(leftovers(os, directory)).toEqual(before);
});

const tree = {
  "etc/hostname": `${oldName}\n`,
  "etc/mailname": `${oldName}\n`,
  "etc/hosts": `127.0.0.1\tlocalhost\n10.0.0.1\t${oldName} web\n`,
  "etc/network/interfaces": "source /etc/network/interfaces.d/*\nauto lo\niface lo inet loopback\n",
  "etc/network/interfaces.d/eth0":
    "iface eth0 inet static\n  address 10.0.0.1/24\n  gateway 10.0.0.254\niface eth0 inet6 static\n  address 2001:db8::1/64\n",
  "etc/systemd/network/eth1.network": "[Network]\nAddress=10.0.0.1/24\n",
  "etc/netplan/01.yaml": "network:\n  ethernets:\n    eth2:\n      addresses:\n        - 10.0.0.1/24\n",
  "etc/postfix/main.cf": `myhostname = ${oldName}\n`,
};

const partitionMib = 40;
const plainType = "83";
const gptRoot = "0FC63DAF-8483-4772-8E79-3D69D8477DE4";

interface GuestOptions {
  readonly type?: "ext2" | "ext4" | "xfs" | "btrfs";
  readonly table?: string;
  readonly files?: Readonly<Record<string, string>>;
}

/** Puts a guest on `disk`, in the partition at 1 MiB when there is a table; returns its start in bytes. */
function putGuest(disk: string, { type = "ext4", table, files = {} }: GuestOptions = {}): number {
  const root = join(directory, "tree");
  mkdirSync(root);
  fillTree(root, { ...tree, ...files });
  chmodSync(join(root, "etc/hostname"), 0o640);
  if (table !== undefined) sh('sfdisk -q --no-reread --no-tell-kernel "$1" <<<"$2"', disk, table);
  const start = table === undefined ? 0 : mebibyte;
  const make = { ext2: "mkfs.ext2 -qF", ext4: "mkfs.ext4 -qF", xfs: "mkfs.xfs -qf", btrfs: "mkfs.btrfs -qf" }[type];
  sh(
    `loop=$(losetup --find --show --offset "$1" --sizelimit "$4" "$2"); trap 'detach_loop "$loop"' EXIT
     ${make} "$loop" >&2
     unshare --mount bash -euc 'mount "$1" /mnt; cp -a "$2/." /mnt; cd /mnt
       chown 7:8 etc/hostname; setfattr -n user.note -v kept etc/hostname; setfacl -m u:1234:r etc/hostname
       cd /; umount /mnt' bash "$loop" "$3"`,
    String(start),
    disk,
    root,
    String(table === undefined ? 0 : partitionMib * mebibyte),
  );
  rmSync(root, { recursive: true });
  return start;
}

/** PATH with a getent that knows these names; others do not resolve. */
function resolver(names: Readonly<Record<string, string>>, body = ""): string {
  const bin = join(directory, "bin");
  mkdirSync(bin);
  const cases = Object.entries(names).map(([name, address]) => {
    const database = address.includes(":") ? "ahostsv6" : "ahostsv4";
    return `"${database} ${name}") echo "${address} STREAM ${name}"; exit;;`;
  });
  writeFileSync(join(bin, "getent"), `#!/bin/sh\n${body}\ncase "$1 $3" in\n${cases.join("\n")}\nesac\nexit 2\n`);
  chmodSync(join(bin, "getent"), 0o755);
  return `${bin}:${ganetiPath}`;
}

async function renameOn(disk: string, env: Readonly<Record<string, string>> = {}): Promise<ScriptResult> {
  const path = env["PATH"] ?? resolver({});
  return await os.run("rename", {
    env: instanceVariables(newName, [disk], { OLD_INSTANCE_NAME: oldName, ...env, PATH: path }),
  });
}

function succeed(result: ScriptResult): string {
  expect(result, result.stderr).toMatchObject({ status: 0 });
  expect(result.stdout.toString()).toBe("");
  return result.stderr;
}

function failed(result: ScriptResult): string {
  expect(result, result.stderr).toMatchObject({ status: 1 });
  return result.stderr;
}

describe("rename", () => {
  test("by the flags of API 5 on block devices changes names, keeping owner, mode, ACL and attributes", async () => {
    const disk = loopOn(diskFile(join(directory, "disk"), 64));
    const swap = loopOn(diskFile(join(directory, "swap"), 16));
    before = leftovers(os, directory);
    putGuest(disk);
    const args = ["-o", oldName, "-n", newName, "-b", disk, "-s", swap];
    const said = succeed(await os.run("rename", { args, env: { PATH: resolver({}) } }));
    expect(said).toContain(`renamed ${oldName} to ${newName}`);
    const read = "cat etc/hostname etc/mailname; tail -1 etc/hosts; getfacl -cp etc/hostname; getfattr -d etc/hostname";
    expect(inGuest(disk, read)).toMatch(
      /^shop\.example\.net\nshop\.example\.net\n10\.0\.0\.1\tshop\.example\.net shop\n/,
    );
    expect(inGuest(disk, read)).toContain("user:1234:r--");
    expect(inGuest(disk, read)).toContain('user.note="kept"');
    expect(inGuest(disk, "stat -c %u:%g:%a etc/hostname")).toBe("7:8:640");
    expect(inGuest(disk, "ls -A etc | tr '\\n' ' '")).toBe("hostname hosts mailname netplan network postfix systemd");
  });

  test.each([
    ["msdos", `label: dos\nstart=2048, size=${String(partitionMib)}MiB, type=${plainType}, bootable`, "none"],
    ["gpt", `label: gpt\nstart=2048, size=${String(partitionMib)}MiB, type=${gptRoot}, name=root`, "msdos"],
  ])("finds the root partition in a table of style %s, whatever PARTITION_STYLE says", async (_, table, style) => {
    const disk = diskFile(join(directory, "disk"), 64);
    const start = putGuest(disk, { table });
    os.settings(`PARTITION_STYLE=${style}\n`);
    succeed(await renameOn(disk));
    expect(inGuest(disk, "cat etc/hostname", start)).toBe(newName);
  });

  test.each([
    ["ext2", 64],
    ["xfs", 320],
    ["btrfs", 160],
  ] as const)("works on %s", async (type, mib) => {
    const disk = diskFile(join(directory, "disk"), mib);
    putGuest(disk, { type });
    succeed(await renameOn(disk));
    expect(inGuest(disk, "cat etc/hostname")).toBe(newName);
  });

  test("gives a guest with a short hostname a short one, and says which file still has the old name", async () => {
    const disk = diskFile(join(directory, "disk"), 64);
    putGuest(disk, { files: { "etc/hostname": "web\n" } });
    const said = succeed(await renameOn(disk));
    expect(inGuest(disk, "cat etc/hostname")).toBe("shop");
    expect(said).toContain(`left to the administrator: /etc/postfix/main.cf still has ${oldName}`);
  });

  test("changes the addresses everywhere when the new name resolves to others", async () => {
    const disk = diskFile(join(directory, "disk"), 64);
    putGuest(disk);
    const path = resolver(
      {},
      `case "$1 $3" in
      "ahostsv4 ${oldName}") echo "10.0.0.1 STREAM x"; exit;; "ahostsv6 ${oldName}") echo "2001:db8::1 STREAM x"; exit;;
      "ahostsv4 ${newName}") echo "10.0.0.2 STREAM x"; exit;; "ahostsv6 ${newName}") echo "2001:db8::2 STREAM x"; exit;;
    esac`,
    );
    const said = succeed(await renameOn(disk, { PATH: path }));
    expect(said).toContain("address 10.0.0.1 became 10.0.0.2");
    expect(said).toContain("address 2001:db8::1 became 2001:db8::2");
    const addresses = "grep -rhoE '(10.0.0|2001:db8::)[^[:space:]]*' etc | sort | uniq -c | sed 's/^ *//'";
    expect(inGuest(disk, addresses).split("\n")).toEqual([
      "1 10.0.0.2",
      "3 10.0.0.2/24",
      "1 10.0.0.254",
      "1 2001:db8::2/64",
    ]);
  });

  test("takes the new address from NIC_0_IP", async () => {
    const disk = diskFile(join(directory, "disk"), 64);
    putGuest(disk);
    const nic = { NIC_COUNT: "1", NIC_0_MAC: "aa:00:00:11:22:33", NIC_0_IP: "192.0.2.9", NIC_0_MODE: "routed" };
    const said = succeed(await renameOn(disk, { ...nic, PATH: resolver({ [oldName]: "10.0.0.1" }) }));
    expect(inGuest(disk, "cat etc/systemd/network/eth1.network")).toContain("Address=192.0.2.9/24");
    expect(said).toContain("left to the administrator: gateway and netmask: 192.0.2.9 lies outside 10.0.0.1/24");
  });

  test("is refused with both names, and changes nothing, when the hostname was changed by hand", async () => {
    const disk = diskFile(join(directory, "disk"), 64);
    putGuest(disk, { files: { "etc/hostname": "special\n" } });
    const state = "find etc -type f -exec sha256sum {} + | sort";
    const unchanged = inGuest(disk, state);
    const said = failed(await renameOn(disk));
    expect(said).toContain(`cannot rename ${oldName} to ${newName} inside the guest: it calls itself "special"`);
    expect(inGuest(disk, state)).toBe(unchanged);
  });

  test("does not wait for a name server that does not answer", async () => {
    const disk = diskFile(join(directory, "disk"), 64);
    putGuest(disk);
    const said = succeed(await renameOn(disk, { PATH: resolver({}, "exec sleep 1000") }));
    expect(said).toContain(`cannot look up ${newName}`);
    expect(inGuest(disk, "cat etc/hostname")).toBe(newName);
  });

  test("says why there is no guest after a failed import", async () => {
    const disk = diskFile(join(directory, "disk"), 64);
    putGuest(disk);
    await markFailedImport(disk, 64 * mebibyte, [], "the stream ends early");
    expect(failed(await renameOn(disk))).toContain("because its import failed: the stream ends early");
  });

  test.each([
    ["nothing", "true", "it holds no filesystem"],
    ["swap", 'mkswap "$1"', "it holds swap"],
    ["zeros in a table without root", "echo 'label: dos\nsize=8M, type=82' | sfdisk -q \"$1\"", "root partition"],
  ])("refuses a disk that holds %s", async (_, make, message) => {
    const disk = diskFile(join(directory, "disk"), 64);
    sh(make, disk);
    expect(failed(await renameOn(disk))).toContain(message);
  });

  test("refuses a disk that is mounted", async () => {
    const disk = loopOn(diskFile(join(directory, "disk"), 64));
    before = leftovers(os, directory);
    putGuest(disk);
    const mountPoint = join(directory, "mnt");
    mkdirSync(mountPoint);
    execFileSync("mount", [disk, mountPoint]);
    try {
      const said = failed(await renameOn(disk));
      expect(said).toContain(disk);
      expect(readFileSync(join(mountPoint, "etc/hostname"), "utf8")).toBe(`${oldName}\n`);
    } finally {
      execFileSync("umount", [mountPoint]);
    }
  });
});
