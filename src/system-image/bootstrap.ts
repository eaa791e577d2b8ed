import { mkdir } from "node:fs/promises";
import type { Host } from "../host/host.ts";
import { openRoot } from "../host/rooted-files.ts";
import { runDebootstrap } from "./debootstrap.ts";
import { scrubIdentity } from "./identity.ts";
import { runMmdebstrap } from "./mmdebstrap.ts";
import type { Archive } from "./preflight.ts";
import { tidyTree } from "./tidy.ts";
import type { Wanted } from "./wanted.ts";

/** Where a bootstrap works. */
export interface Workplace {
  /** An empty or missing directory for the system. */
  readonly tree: string;
  /** File for the engine's log. */
  readonly log: string;
}

/** Bootstraps the system into `place.tree` and makes it fit to be copied: no leftovers, no identity. */
export async function bootstrapTree(host: Host, wanted: Wanted, archive: Archive, place: Workplace): Promise<void> {
  const { config, key } = wanted;
  await mkdir(place.tree, { recursive: true, mode: 0o755 });
  await host.log.phase(`bootstrap ${config.suite} ${config.arch} with ${config.bootstrap}`, async () => {
    const task = { ...archive, directory: place.tree, packages: key.packages, options: key.options };
    if (config.bootstrap === "mmdebstrap") await runMmdebstrap(host, config, task);
    else await runDebootstrap(host, config, { ...task, log: place.log });
  });
  const files = openRoot(place.tree);
  await tidyTree(files, config, archive.mirror);
  await scrubIdentity(files);
}
