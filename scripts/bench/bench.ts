import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import type { Bench, Job } from "./bench-types.ts";
import { endAll, sh, type Timed } from "./machine.ts";
import { formatJob, machine, outcomes, type Runs } from "./report.ts";

const here = dirname(fileURLToPath(import.meta.url));
const source = join(here, "..", "..");

const { values: options } = parseArgs({
  options: {
    runs: { type: "string", default: "9" },
    "slow-runs": { type: "string", default: "3" },
    only: { type: "string", default: "" },
    suite: { type: "string", default: "trixie" },
    mirror: { type: "string", default: "" },
    "disk-mib": { type: "string", default: "2048" },
    directory: { type: "string", default: tmpdir() },
    json: { type: "string", default: "bench.json" },
    help: { type: "boolean", short: "h", default: false },
  },
});

if (options.help) {
  process.stdout.write(
    "usage: run [--only JOB,...] [--runs N] [--slow-runs N] [--suite S] [--mirror URL] [--disk-mib N] [--directory D] [--json FILE]\n",
  );
} else {
  await main();
}

async function main(): Promise<void> {
  const jobs = await readJobs();
  const only = options.only === "" ? jobs.map(({ id }) => id) : options.only.split(",");
  const unknown = only.filter((id) => !jobs.some((job) => job.id === id));
  if (unknown.length > 0)
    throw new Error(`no such job: ${unknown.join(", ")}; there are ${jobs.map(({ id }) => id).join(", ")}`);
  const directory = mkdtempSync(join(options.directory, "gid-bench-"));
  const detach: string[] = [];
  // The default of these signals would leave the loop devices.
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.once(signal, () => {
      endAll();
      release(directory, detach);
      process.kill(process.pid, signal);
    });
  }
  try {
    const bench = prepare(directory, detach);
    const results = [];
    for (const job of jobs.filter(({ id }) => only.includes(id))) {
      const runs = await measure(bench, job);
      process.stdout.write(`${formatJob(job, runs)}\n`);
      results.push({ job: job.id, title: job.title, runs, outcomes: outcomes(job, runs) });
    }
    const facts = { suite: options.suite, diskMiB: Number(options["disk-mib"]), ...machine() };
    writeFileSync(options.json, `${JSON.stringify({ machine: facts, results }, undefined, 2)}\n`);
  } finally {
    release(directory, detach);
  }
}

function release(directory: string, devices: readonly string[]): void {
  for (const device of devices) sh(`losetup --detach "$1"`, device);
  rmSync(directory, { recursive: true, force: true });
}

/** Every file of jobs/ exports its own by default. */
async function readJobs(): Promise<readonly Job[]> {
  const jobs: Job[] = [];
  for (const name of readdirSync(join(here, "jobs")).sort()) {
    const module = (await import(join(here, "jobs", name))) as { readonly default: readonly Job[] };
    jobs.push(...module.default);
  }
  return jobs;
}

// Paired: each round runs every contender once, beginning with another one each time.
async function measure(bench: Bench, job: Job): Promise<Runs> {
  const names = Object.keys(job.contenders);
  const runs: Record<string, Timed[]> = Object.fromEntries(names.map((name) => [name, []]));
  const rounds = Number(job.slow ? options["slow-runs"] : options.runs);
  for (let round = 0; round < rounds; round++) {
    for (const [index] of names.entries()) {
      const name = names[(index + round) % names.length] ?? "";
      const contender = job.contenders[name];
      await contender?.before?.(bench);
      const time = await contender?.run(bench);
      if (time === undefined) continue;
      runs[name]?.push(time);
      process.stderr.write(`${job.id}: ${name} ${time.seconds.toFixed(2)} s\n`);
    }
  }
  return runs;
}

function prepare(directory: string, detach: string[]): Bench {
  const ours = join(directory, "ours");
  const peer = join(directory, "peer");
  mkdirSync(ours);
  sh(
    `cp "$1"/os-definition/{ganeti_api_version,variants.list,parameters.list,common.sh,package.json,start.cjs} "$2"; cd "$1"; node scripts/build.mjs bin "$2"`,
    source,
    ours,
  );
  sh(
    `mkdir "$1/deb"; cd "$1/deb"; apt-get download -qq -o APT::Sandbox::User=root ganeti-instance-debootstrap
     dpkg-deb -x ./*.deb "$1/deb/x"; cp -r "$1/deb/x/usr/share/ganeti/os/debootstrap" "$2"
     sed -i -e "s,^CACHE_DIR=.*,CACHE_DIR=$1/cache-peer," -e "s,^DEFAULT_FILE=.*,DEFAULT_FILE=/nonexistent," "$2/common.sh"`,
    directory,
    peer,
  );
  const loop = (name: string, mebibytes: number): string => {
    const file = join(directory, name);
    // Not sparse: a disk whose blocks the filesystem below must first find is another one.
    sh(`fallocate -l "$2M" "$1"`, file, String(mebibytes));
    const device = sh(`losetup --find --show "$1"`, file);
    detach.push(device);
    return device;
  };
  const mebibytes = Number(options["disk-mib"]);
  const disks = [1, 2, 3, 4].map((number) => loop(`disk${String(number)}`, mebibytes));
  return {
    directory,
    disks,
    swaps: new Map(disks.map((disk, index) => [disk, loop(`swap${String(index)}`, 128)])),
    diskBytes: mebibytes * 1024 * 1024,
    suite: options.suite,
    mirror: options.mirror,
    ours,
    peer,
  };
}
