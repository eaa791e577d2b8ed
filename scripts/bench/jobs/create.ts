import { readdirSync, utimesSync } from "node:fs";
import { join } from "node:path";
import type { Bench, Contender, Job } from "../bench-types.ts";
import {
  createOurs,
  createPeer,
  emptyCache,
  type Engine,
  freshDisks,
  imageBytes,
  oursCache,
  peerCache,
  warmOurs,
  warmPeer,
} from "../contenders.ts";
import { sh, timed, type Timed } from "../machine.ts";

const row = 10;
const atOnce = 4;

const coldPeer: Contender = {
  before: (bench) => emptied(bench, peerCache(bench)),
  run: (bench) => createPeer(bench),
};

function coldOurs(engine: Engine): Contender {
  return {
    before: (bench) => emptied(bench, oursCache(bench, engine)),
    run: (bench) => createOurs(bench, engine),
  };
}

/** A raw write of the bytes that a warm create writes, to the same disk. */
const rawWrite: Contender = {
  async before(bench) {
    await warmOurs.before?.(bench);
    const file = join(bench.directory, "raw");
    sh(
      `[ "$(stat -c %s "$1" 2>/dev/null)" = "$2" ] || head -c "$2" /dev/urandom >"$1"; cat "$1" >/dev/null; sync`,
      file,
      String(imageBytes(bench)),
    );
  },
  run: ({ directory, disks }) =>
    timed(["dd", `if=${join(directory, "raw")}`, `of=${disks[0] ?? ""}`, "bs=4M", "conv=fsync,notrunc", "status=none"]),
};

const prepareOurs = async (bench: Bench): Promise<void> => {
  await warmOurs.before?.(bench);
};

const preparePeer = async (bench: Bench): Promise<void> => {
  await warmPeer.before?.(bench);
};

const refresh: Contender = {
  async before(bench) {
    const cache = oursCache(bench, "debootstrap");
    await warmOurs.before?.(bench);
    const old = new Date(Date.now() - 20 * 24 * 60 * 60 * 1000);
    for (const name of readdirSync(cache)) if (name.endsWith(".tar")) utimesSync(join(cache, name), old, old);
  },
  run: (bench) => cacheCommand(bench, "refresh"),
};

const rebuild: Contender = {
  before: prepareOurs,
  run: (bench) => cacheCommand(bench, "build", "--force"),
};

async function cacheCommand(bench: Bench, ...words: readonly string[]): Promise<Timed> {
  const environment = {
    CACHE_DIR: oursCache(bench, "debootstrap"),
    SUITE: bench.suite,
    MIRROR: bench.mirror,
    CUSTOMIZE_DIR: "/nonexistent",
  };
  return await timed([join(bench.ours, "ganeti-instance-debootstrap"), "cache", ...words], { environment });
}

async function emptied(bench: Bench, cache: string): Promise<void> {
  emptyCache(cache);
  freshDisks(bench);
  await Promise.resolve();
}

async function inARow(create: () => Promise<Timed>): Promise<Timed> {
  const times: Timed[] = [];
  for (let count = 0; count < row; count++) times.push(await create());
  return together(
    times,
    times.reduce((sum, { seconds }) => sum + seconds, 0),
  );
}

async function allAtOnce(bench: Bench, create: (disk: string) => Promise<Timed>): Promise<Timed> {
  const begin = performance.now();
  const times = await Promise.all(bench.disks.slice(0, atOnce).map(create));
  return together(times, (performance.now() - begin) / 1000);
}

function together(times: readonly Timed[], seconds: number): Timed {
  return { seconds, peakMegabytes: Math.max(...times.map(({ peakMegabytes }) => peakMegabytes)) };
}

const jobs: readonly Job[] = [
  {
    id: "warm",
    title: "warm create",
    slow: false,
    contenders: { ours: warmOurs, peer: warmPeer, "raw write": rawWrite },
    goals: [
      { contender: "ours", of: "peer", atMost: 0.5 },
      { contender: "ours", of: "raw write", atMost: 2 },
      { contender: "ours", atMost: 150 },
    ],
  },
  {
    id: "four",
    title: "four warm creates at once",
    slow: false,
    contenders: {
      ours: {
        before: prepareOurs,
        run: (bench) => allAtOnce(bench, (disk) => createOurs(bench, "debootstrap", disk)),
      },
      peer: { before: preparePeer, run: (bench) => allAtOnce(bench, (disk) => createPeer(bench, disk)) },
    },
    goals: [{ contender: "ours", of: "peer", atMost: 0.5 }],
  },
  {
    id: "cold",
    title: "cold create",
    slow: true,
    contenders: {
      debootstrap: coldOurs("debootstrap"),
      mmdebstrap: coldOurs("mmdebstrap"),
      refresh,
      rebuild,
      peer: coldPeer,
    },
    goals: [
      { contender: "debootstrap", of: "peer", atMost: 0.75 },
      { contender: "mmdebstrap", of: "peer", atMost: 0.5 },
      { contender: "refresh", of: "peer", atMost: 0.6 },
      { contender: "debootstrap", atMost: 150 },
      { contender: "mmdebstrap", atMost: 150 },
    ],
  },
  {
    id: "ten",
    title: "ten in a row, cold start included",
    slow: true,
    contenders: {
      debootstrap: {
        before: (bench) => emptied(bench, oursCache(bench, "debootstrap")),
        run: (bench) => inARow(() => createOurs(bench, "debootstrap")),
      },
      mmdebstrap: {
        before: (bench) => emptied(bench, oursCache(bench, "mmdebstrap")),
        run: (bench) => inARow(() => createOurs(bench, "mmdebstrap")),
      },
      peer: { before: (bench) => emptied(bench, peerCache(bench)), run: (bench) => inARow(() => createPeer(bench)) },
    },
    goals: [
      { contender: "debootstrap", of: "peer", atMost: 0.7 },
      { contender: "mmdebstrap", of: "peer", atMost: 0.5 },
    ],
  },
];

export default jobs;
