import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { diskTree, guestDisk, inMounted } from "../fixtures/guest-disk.ts";
import { ganetiPath, installOs, instanceVariables } from "../fixtures/installed-os.ts";
import { diskFile, loopOn, sh } from "../fixtures/loop-disk.ts";
import { temporaryDirectory } from "../fixtures/test-host.ts";

const os = installOs();

const tree =
  "mkdir etc; printf '/dev/sda / ext4 defaults 0 1\\n' >etc/fstab; for i in $(seq 400); do head -c 20000 /dev/urandom >f$i; done";

interface Finished {
  readonly status: number | null;
  readonly signal: string | null;
  readonly stderr: string;
}

interface Started {
  readonly pid: number;
  readonly done: Promise<Finished>;
}

/** Runs a script through bash as Ganeti's daemon does: umask 077, its PATH, a process group of its own. */
function ganeti(command: string, env: Readonly<Record<string, string>>): Started {
  const child = spawn("bash", ["-o", "errexit", "-o", "pipefail", "-c", `umask 077; ${command}`], {
    cwd: os.osDir,
    detached: true,
    env: { PATH: ganetiPath, LC_ALL: "C", ...env },
    stdio: ["ignore", "ignore", "pipe"],
  });
  let stderr = "";
  child.stderr.setEncoding("utf8").on("data", (chunk: string) => (stderr += chunk));
  const done = once(child, "close").then(([status, signal]: unknown[]) => ({
    status: status as number | null,
    signal: signal as string | null,
    stderr,
  }));
  return { pid: child.pid ?? 0, done };
}

function exportVariables(disks: readonly string[], index: number): Record<string, string> {
  const device = disks[index] ?? "";
  return instanceVariables("guest.example.com", disks, {
    EXPORT_DEVICE: device,
    EXPORT_DISK_PATH: device,
    EXPORT_INDEX: String(index),
  });
}

function importVariables(disks: readonly string[], index: number): Record<string, string> {
  const device = disks[index] ?? "";
  return instanceVariables("guest.example.com", disks, {
    IMPORT_DEVICE: device,
    IMPORT_DISK_PATH: device,
    IMPORT_INDEX: String(index),
  });
}

describe("run as Ganeti runs it", () => {
  it("exports and imports all disks of an instance at once, and tells their sizes", async () => {
    const directory = temporaryDirectory();
    const file = (name: string): string => join(directory, name);
    const source = [
      guestDisk(file("root"), { style: "msdos", type: "ext4", mib: 96 }, tree),
      diskFile(file("swap"), 32),
      guestDisk(file("data"), { style: "none", type: "xfs", mib: 320 }, tree),
      diskFile(file("raw"), 24),
    ];
    sh(
      `mkswap "$1" >/dev/null; head -c 2M /dev/urandom | dd of="$2" bs=1M seek=5 conv=notrunc status=none`,
      file("swap"),
      file("raw"),
    );
    const exports = source.map((_, index) =>
      ganeti(`./export 11>'${file(`size-${String(index)}`)}' | cat >'${file(`stream-${String(index)}`)}'`, {
        ...exportVariables(source, index),
        EXP_SIZE_FD: "11",
      }),
    );
    for (const { done } of exports) expect(await done).toMatchObject({ status: 0 });
    for (const index of source.keys()) {
      const said = readFileSync(file(`size-${String(index)}`), "utf8");
      expect(said).toMatch(/^\d+\n$/);
      const actual = statSync(file(`stream-${String(index)}`)).size;
      expect(Number(said), `disk ${String(index)}`).toBeGreaterThanOrEqual(actual * 0.8);
    }

    const target = source.map((path, index) =>
      diskFile(file(`target-${String(index)}`), statSync(path).size / 1024 ** 2 + 8),
    );
    const imports = target.map((_, index) =>
      ganeti(`cat '${file(`stream-${String(index)}`)}' | ./import`, importVariables(target, index)),
    );
    for (const { done } of imports) expect(await done).toMatchObject({ status: 0 });
    expect(diskTree(target[0]!, "msdos")).toEqual(diskTree(source[0]!, "msdos"));
    expect(diskTree(target[2]!, "none")).toEqual(diskTree(source[2]!, "none"));
    expect(
      readFileSync(target[3]!)
        .subarray(0, 24 * 1024 ** 2)
        .equals(readFileSync(source[3]!)),
    ).toBe(true);
    expect(sh(`stat -c %a "$1"`, file("stream-0"))).toBe("600");
  });

  it("imports one xfs stream onto two disks at the same time", async () => {
    const directory = temporaryDirectory();
    const source = guestDisk(join(directory, "source"), { style: "gpt", type: "xfs", mib: 400 }, tree);
    expect(await ganeti(`./export >'${directory}/stream'`, exportVariables([source], 0)).done).toMatchObject({
      status: 0,
    });
    const targets = [1, 2].map((number) => loopOn(diskFile(join(directory, `target-${String(number)}`), 420)));
    const imports = targets.map((target) => ganeti(`./import <'${directory}/stream'`, importVariables([target], 0)));
    for (const { done } of imports) expect(await done).toMatchObject({ status: 0 });
    for (const number of [1, 2]) {
      expect(diskTree(join(directory, `target-${String(number)}`), "gpt")).toEqual(diskTree(source, "gpt"));
    }
  });

  it("works by API 5's flags, makes the swap and leaves other descriptors alone", async () => {
    const directory = temporaryDirectory();
    const source = guestDisk(join(directory, "source"), { style: "none", type: "ext3", mib: 48 }, tree);
    const target = diskFile(join(directory, "target"), 64);
    const swap = diskFile(join(directory, "swap"), 16);
    const pipeline = `./export -i guest -b '${source}' | ./import -i guest -b '${target}' -s '${swap}'`;
    const finished = await ganeti(`${pipeline} 4</dev/zero 6</dev/zero 8</dev/zero`, {}).done;
    expect(finished).toMatchObject({ status: 0 });
    expect(sh(`blkid -p -o value -s TYPE "$1"`, swap)).toBe("swap");
    expect(diskTree(target, "none")).toEqual(diskTree(source, "none"));
  });

  it.each([
    ["none", "./export | head -c 100000 >/dev/null"],
    ["none", "./export >&-"],
    ["none", "./export >/dev/full"],
    ["zstd", "./export | head -c 100000 >/dev/null"],
    ["dump", "./export | head -c 100000 >/dev/null"],
  ])("fails when its stdout closes (%s: %s)", async (kind, command) => {
    const directory = temporaryDirectory();
    os.settings(kind === "dump" ? "EXPORT_FORMAT=dump\n" : `EXPORT_COMPRESSION=${kind}\n`);
    const source = guestDisk(join(directory, "source"), { style: "none", type: "ext4", mib: 64 }, tree);
    const finished = await ganeti(command, exportVariables([source], 0)).done;
    os.settings("");
    expect(finished.status, finished.stderr).not.toBe(0);
    expect(finished.stderr).toMatch(/error: /);
    expect(sh("losetup --list --noheadings --output BACK-FILE")).not.toContain(directory);
  });

  it("fails when a file cannot be read, or a directory", async () => {
    const directory = temporaryDirectory();
    os.settings("EXPORT_FORMAT=tar\n");
    const source = guestDisk(join(directory, "source"), { style: "none", type: "ext4", mib: 64 }, tree);
    // Nonsense for an extent of one file.
    sh(`debugfs -w -R 'set_inode_field /f7 block[5] 0x7fffffff' "$1" 2>/dev/null`, source);
    const finished = await ganeti("./export >/dev/null", exportVariables([source], 0)).done;
    os.settings("");
    expect(finished.status, finished.stderr).not.toBe(0);
    expect(finished.stderr).toMatch(/f7/);
  });

  it.each([
    ["tar", /^5\n(\w{64})\n\1\n/],
    ["auto", /^[5-9]\n\w{64}\n\w{64}\n0\n$/],
  ])("writes nothing but the stream to stdout, with DEBUG_LEVEL=1 too (%s)", async (format, expected) => {
    const directory = temporaryDirectory();
    os.settings(`EXPORT_FORMAT=${format}\n`);
    const source = guestDisk(join(directory, "source"), { style: "none", type: "ext4", mib: 32 }, "echo x >x");
    const finished = await ganeti(`./export >'${directory}/stream'`, {
      ...exportVariables([source], 0),
      DEBUG_LEVEL: "1",
    }).done;
    os.settings("");
    expect(finished.status).toBe(0);
    const look = `tar --list --file "$1" | wc -l; head -c -2048 "$1" | sha256sum | cut -c1-64
      tar -xOf "$1" .ganeti-instance-debootstrap/sha256 | tail -1 | cut -c1-64; tail -c 1024 "$1" | tr -d '\\0' | wc -c`;
    expect(`${sh(look, join(directory, "stream"))}\n`).toMatch(expected);
  });

  it.each(["tar", "auto"])(
    "ends within Ganeti's five seconds of a SIGTERM, and leaves no guest (%s)",
    async (format) => {
      const directory = temporaryDirectory();
      const big = "for i in $(seq 12); do head -c 20M /dev/urandom >big$i; done";
      const source = guestDisk(join(directory, "source"), { style: "msdos", type: "ext4", mib: 400 }, big);
      const target = diskFile(join(directory, "target"), 420);
      os.settings(`EXPORT_FORMAT=${format}\n`);
      expect(await ganeti(`./export >'${directory}/stream'`, exportVariables([source], 0)).done).toMatchObject({
        status: 0,
      });
      os.settings("");
      // The end never comes: the import waits for it.
      const half = `{ head -c 150M '${directory}/stream'; exec sleep 1000; } | ./import`;
      const running = ganeti(half, importVariables([target], 0));
      await begun(target, format === "tar" ? "1048576" : "0");
      const begin = Date.now();
      process.kill(-running.pid, "SIGTERM");
      await running.done;
      expect(Date.now() - begin, "milliseconds").toBeLessThan(5000);
      expect(sh(`blkid -p "$1" || true`, target)).toBe("");
      expect(sh(`blkid -p --offset 1048576 "$1" || true`, target)).toBe("");
      expect(sh("losetup --list --noheadings --output BACK-FILE")).not.toContain(directory);
      expect(readFileSync(target).toString("latin1", 0, 80)).toMatch(/import failed/);
    },
  );

  it("stays below 150 MB of memory whatever the size", async () => {
    const directory = temporaryDirectory();
    const big = "head -c 300M /dev/urandom >one; for i in $(seq 3000); do echo $i >f$i; done";
    const source = guestDisk(
      join(directory, "source"),
      { style: "none", type: "ext4", mib: 420, mkfs: ["-N", "8000"] },
      big,
    );
    const target = diskFile(join(directory, "target"), 440);
    const measured = (script: string): string =>
      `/usr/bin/env -i PATH="$PATH" sh -c 'true'; python3 -c 'import resource, subprocess, sys; r = subprocess.run(sys.argv[1:]).returncode; print("peak", resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, file=sys.stderr); sys.exit(r)' ./${script}`;
    const exported = await ganeti(`${measured("export")} >'${directory}/stream'`, exportVariables([source], 0)).done;
    const imported = await ganeti(`${measured("import")} <'${directory}/stream'`, importVariables([target], 0)).done;
    for (const { status, stderr } of [exported, imported]) {
      expect(status, stderr).toBe(0);
      expect(Number(/^peak (\d+)$/m.exec(stderr)?.[1]), "KiB").toBeLessThan(150_000);
    }
    expect(inMounted(target, "none", "sha256sum <one")).toBe(inMounted(source, "none", "sha256sum <one"));
  });
});

// Waits until the import has what it restores to: a tree is mounted through a loop device at \`offset\`.
async function begun(target: string, offset: string): Promise<void> {
  for (;;) {
    const holds = sh("losetup --list --noheadings --output BACK-FILE,OFFSET").split("\n");
    if (holds.some((line) => line.startsWith(target) && line.endsWith(` ${offset}`))) break;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  await new Promise((resolve) => setTimeout(resolve, 1500));
}
