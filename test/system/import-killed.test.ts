import { readFileSync, openSync, closeSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { exportTo } from "../fixtures/backup.ts";
import { guestDisk, inMounted } from "../fixtures/guest-disk.ts";
import { installOs, instanceVariables } from "../fixtures/installed-os.ts";
import { diskFile, sh } from "../fixtures/loop-disk.ts";
import { testHost } from "../fixtures/test-host.ts";

const os = installOs();
const kills = 20;
const mib = 160;

const tree = `mkdir etc; echo guest.example.com >etc/hostname; printf '/dev/sda / ext4 defaults 0 1\\n' >etc/fstab
for i in $(seq 300); do head -c 60000 /dev/urandom >f$i; done; chmod 1755 .; touch -d '2011-02-03 04:05:06.789' .`;

interface Kind {
  readonly name: string;
  readonly style: "none" | "msdos" | "gpt";
  readonly type: "ext4" | "xfs" | "btrfs";
  readonly dump?: true;
  readonly raw?: true;
  /** Settings of the importing node. */
  readonly env?: Readonly<Record<string, string>>;
}

const kinds: readonly Kind[] = [
  { name: "an ext4 tree on the whole disk", style: "none", type: "ext4" },
  { name: "an ext4 tree in a msdos table", style: "msdos", type: "ext4" },
  { name: "an ext4 tree in a gpt table", style: "gpt", type: "ext4" },
  { name: "a raw ext4", style: "none", type: "ext4", raw: true },
  { name: "a dump onto the whole disk", style: "none", type: "ext4", dump: true, env: { PARTITION_STYLE: "none" } },
  { name: "a dump onto a msdos table", style: "none", type: "ext4", dump: true, env: { PARTITION_STYLE: "msdos" } },
];

function variables(disk: string, more: Readonly<Record<string, string>> = {}): Record<string, string> {
  return instanceVariables("guest.example.com", [disk], {
    IMPORT_DEVICE: disk,
    IMPORT_DISK_PATH: disk,
    IMPORT_INDEX: "0",
    EXPORT_DEVICE: disk,
    EXPORT_DISK_PATH: disk,
    EXPORT_INDEX: "0",
    OLD_INSTANCE_NAME: "guest.example.com",
    ...more,
  });
}

/** A digest of all files but fstab, which names other devices after the import of a dump. */
function contents(disk: string, style: Kind["style"]): string {
  const list = "find . -path ./lost+found -prune -o -type f ! -name fstab -print | LC_ALL=C sort";
  return inMounted(disk, style, `${list} | xargs sha256sum | sha256sum; stat -c %a .`);
}

/** Runs an import and kills it after `instant` milliseconds; returns whether it had finished by itself. */
async function killedImport(stream: string, env: Record<string, string>, instant: number): Promise<boolean> {
  const stdin = openSync(stream, "r");
  try {
    const running = os.start("import", { env, stdin });
    await Promise.race([sleep(instant), running.done]);
    try {
      process.kill(running.pid, "SIGKILL");
    } catch {
      return (await running.done).status === 0;
    }
    await running.done;
    return false;
  } finally {
    closeSync(stdin);
  }
}

describe(`SIGKILL at ${String(kills)} instants of an import`, () => {
  it.each(kinds)(
    "of $name leaves no half guest that passes for one, and the next import is good",
    async (kind) => {
      const host = testHost();
      const source = guestDisk(join(host.directory, "source"), { ...kind, mib }, tree);
      // A filesystem that knows of errors in itself is taken raw.
      if (kind.raw === true) sh(`debugfs -w -R 'ssv state 2' "$1" 2>&1`, source);
      const stream = join(host.directory, "stream");
      await exportTo(host, source, stream, { config: { exportFormat: kind.dump === true ? "dump" : "tar" } });
      const wanted = contents(source, kind.style);
      const env = (disk: string): Record<string, string> => variables(disk, kind.env);
      const style = kind.env?.["PARTITION_STYLE"] === "msdos" ? "msdos" : kind.style;
      const disk = diskFile(join(host.directory, "disk"), mib + 2);
      const begin = performance.now();
      expect(await killedImport(stream, env(disk), 120_000)).toBe(true);
      const whole = performance.now() - begin;

      let refused = 0;
      for (let round = 0; round < kills; round++) {
        sh(`rm "$1"; truncate -s ${String(mib + 2)}M "$1"`, disk);
        const instant = whole * (0.15 + (0.85 * ((round * 7) % kills)) / kills);
        if (await killedImport(stream, env(disk), instant)) continue;
        const untouched = readFileSync(disk)
          .subarray(0, 2 * 1024 ** 2)
          .every((byte) => byte === 0);
        const renamed = await os.run("rename", { env: env(disk) });
        const exported = await os.run("export", { env: env(disk) });
        const at = `after ${String(Math.round(instant))} of ${String(Math.round(whole))} ms: ${renamed.stderr}`;
        if (renamed.status === 0) {
          // Killed on its way out, when all was done.
          expect(contents(disk, style), at).toBe(wanted);
          continue;
        }
        refused += 1;
        expect(renamed.status, at).toBe(1);
        if (!untouched) {
          expect(renamed.stderr, at).toMatch(/import did not finish|was killed before it had finished/);
          if (/import did not finish/.test(renamed.stderr))
            expect(exported.stderr, at).toMatch(/import did not finish/);
        }
      }
      expect(refused).toBeGreaterThan(kills / 4);
      expect(await killedImport(stream, env(disk), 120_000)).toBe(true);
      expect(contents(disk, style)).toBe(wanted);
      expect((await os.run("rename", { env: env(disk) })).status).toBe(0);
    },
    400_000,
  );
});
