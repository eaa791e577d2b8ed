import { existsSync } from "node:fs";
import { join } from "node:path";
import type { Bench, Contender, Job } from "../bench-types.ts";
import { createOurs, warmOurs, swapOf } from "../contenders.ts";
import { sh, timed, type Timed } from "../machine.ts";

type Side = "ours" | "peer";

/** The guest that is exported: installed once, on the first disk, and more files than a bare system has. */
async function installed(bench: Bench): Promise<void> {
  const done = join(bench.directory, "backup-source");
  if (existsSync(done)) return;
  await warmOurs.before?.(bench);
  await createOurs(bench, "debootstrap", source(bench));
  sh(
    `dir=$(mktemp -d); mount "$1" $dir; cp -a $dir/usr/share $dir/home/; head -c 300M /dev/urandom >$dir/home/large; umount $dir; rmdir $dir; : >"$2"`,
    source(bench),
    done,
  );
}

function source({ disks }: Bench): string {
  return disks[0] ?? "";
}

function target({ disks }: Bench): string {
  return disks[1] ?? "";
}

function stream({ directory }: Bench, side: string): string {
  return join(directory, `backup-${side}`);
}

// A shell that only execs, so that the memory is the script's.
async function exported(
  bench: Bench,
  osDir: string,
  side: string,
  settings: Readonly<Record<string, string>>,
): Promise<Timed> {
  const script = 'exec ./export -i bench.example.com -b "$1" >"$2"';
  return await timed(["sh", "-c", script, "sh", source(bench), stream(bench, side)], {
    cwd: osDir,
    environment: { PARTITION_STYLE: "none", ...settings },
  });
}

async function imported(bench: Bench, side: Side): Promise<Timed> {
  const script = 'exec ./import -i bench.example.com -b "$1" -s "$3" <"$2"';
  return await timed(["sh", "-c", script, "sh", target(bench), stream(bench, side), swapOf(bench, target(bench))], {
    cwd: bench[side],
    environment: { PARTITION_STYLE: "none", OSP_FILESYSTEM: "ext4" },
  });
}

function exporter(osDir: Side, side: string, settings: Readonly<Record<string, string>> = {}): Contender {
  return {
    async before(bench) {
      await installed(bench);
      sh(`rm -f "$1"; sync`, stream(bench, side));
    },
    run: (bench) => exported(bench, bench[osDir], side, settings),
  };
}

function importer(side: Side): Contender {
  return {
    async before(bench) {
      await installed(bench);
      if (!existsSync(stream(bench, side))) await exported(bench, bench[side], side, {});
      sh("sync");
    },
    run: (bench) => imported(bench, side),
  };
}

const jobs: readonly Job[] = [
  {
    id: "export",
    title: "export of an ext4 disk to a file",
    slow: false,
    contenders: {
      ours: exporter("ours", "ours"),
      "ours, zstd": exporter("ours", "ours-zstd", { EXPORT_COMPRESSION: "zstd" }),
      "ours, dump": exporter("ours", "ours-dump", { EXPORT_FORMAT: "dump" }),
      peer: exporter("peer", "peer"),
    },
    goals: [
      { contender: "ours", of: "peer", atMost: 1.25 },
      { contender: "ours", atMost: 150 },
    ],
  },
  {
    id: "import",
    title: "import of that disk from a file",
    slow: false,
    contenders: { ours: importer("ours"), peer: importer("peer") },
    goals: [
      { contender: "ours", of: "peer", atMost: 1 },
      { contender: "ours", atMost: 150 },
    ],
  },
];

export default jobs;
