import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { ReleaseStack } from "../../host/disposal.ts";
import { messageOf } from "../../host/errors.ts";
import type { Host } from "../../host/host.ts";
import { aptIsThere, fetchDebs, fetchIndices, preparePrivateApt } from "./private-apt.ts";
import { debName, keepDebs, takeCachedDebs } from "./debs-cache.ts";
import { writeSuiteScript } from "./prefetched-suite-script.ts";
import { writeLocalMirror } from "./local-mirror.ts";
import { type ArchivePackage, closure, openPackagesIndex } from "./packages-index.ts";
import type { Archive } from "./archive.ts";
import type { BootstrapMeans } from "./bootstrap-means.ts";
import type { SystemSpec } from "../spec/system-spec.ts";

/** The part of an archive that one bootstrap needs, on this node, every byte checked against the archive's key. */
export interface Prefetched {
  /** URL of a local mirror with nothing else; it is not signed. */
  readonly mirror: string;
  /** A suite script for debootstrap that takes the packages from here. */
  readonly script: string;
  /** Directory with the archive's own indices, as apt keeps them. */
  readonly lists: string;
}

/** What the archive offers now for one system. */
export interface Offer {
  readonly release: string;
  /** All that the engine may install, by name. */
  readonly packages: ReadonlyMap<string, ArchivePackage & { readonly component: string }>;
  /** Names of the packages that the system has whatever else. */
  readonly base: readonly string[];
}

/** Options that change which of the prefetched packages are used, not which are needed. */
const harmless =
  /^--(?:variant=(?:-|minbase|important|required|essential|apt)|exclude=.*|(?:no-)?merged-usr|log-extra-deps)$/;

/**
 * Fetches what the bootstrap needs with apt, which loads over few connections what debootstrap gets one by one and
 * resolves dependencies in a fraction of its time. Undefined where that is not possible: the engine fetches by itself,
 * with its own check of the signature.
 */
export async function prefetch(
  host: Host,
  spec: SystemSpec,
  means: BootstrapMeans,
  archive: Archive,
  directory: string,
): Promise<Prefetched | undefined> {
  if (!(await canPrefetch(host, spec, archive))) return undefined;
  host.log.info(`fetching packages from ${archive.mirror}`);
  try {
    return await host.log.phase("fetch packages", () => fetchAll(host, spec, means, archive, directory));
  } catch (error) {
    if (host.signal.aborted) throw error;
    host.log.warn(`apt could not fetch the packages (${messageOf(error)}); ${spec.engine} will download them itself`);
    return undefined;
  }
}

/** Whether apt can stand in for the engine's own download. */
export async function canPrefetch(host: Host, spec: SystemSpec, archive: Archive): Promise<boolean> {
  if (spec.checkSignatures && !/\.(?:gpg|asc|pgp)$/.test(archive.keyring)) return false;
  return spec.options.every((option) => harmless.test(option)) && (await aptIsThere(host));
}

/** Asks the archive what it has for `spec`; apt works below `directory`. Throws CommandError. */
export async function askArchive(
  host: Host,
  spec: SystemSpec,
  means: BootstrapMeans,
  archive: Archive,
  directory: string,
): Promise<Offer> {
  const apt = await preparePrivateApt(spec, means, archive, directory);
  const { release, packages } = await fetchIndices(host, spec, apt);
  await using stack = new ReleaseStack();
  const indices = [];
  for (const path of packages.values()) indices.push(stack.use(await openPackagesIndex(path)));
  const components = [...packages.keys()];
  const chosen = await closure(indices, [...spec.packages, ...supporting]);
  return {
    release,
    packages: new Map(
      [...chosen].map(([name, found]) => [name, { ...found, component: components[found.index] ?? "" }] as const),
    ),
    base: indices.flatMap(({ base }) => base),
  };
}

// What the suite scripts of debootstrap add on their own account; unknown names are passed over.
const supporting = ["usr-is-merged", "apt"];

async function fetchAll(
  host: Host,
  spec: SystemSpec,
  means: BootstrapMeans,
  archive: Archive,
  directory: string,
): Promise<Prefetched> {
  const offer = await askArchive(host, spec, means, archive, join(directory, "apt"));
  const debs = join(directory, "debs");
  await mkdir(debs, { recursive: true, mode: 0o755 });
  const all = [...offer.packages.values()];
  const missing = await takeCachedDebs(means.debs.directory, all, debs);
  const apt = await preparePrivateApt(spec, means, archive, join(directory, "apt"));
  const fetched = missing.map((deb) => ({ ...deb, path: join(debs, debName(deb)) }));
  await fetchDebs(host, apt, archive.mirror, fetched);
  host.log.debug(`${String(all.length)} packages, ${String(missing.length)} of them downloaded`);
  await keepOrWarn(host, means, debs);
  const mirrored = all.map((deb) => ({ component: deb.component, package: deb, path: join(debs, debName(deb)) }));
  const script = join(directory, "suite-script");
  await writeSuiteScript(script, mirrored, archive.script);
  const mirror = await writeLocalMirror(join(directory, "mirror"), spec, offer.release, mirrored);
  return { mirror, script, lists: join(directory, "apt/lists") };
}

async function keepOrWarn(
  host: Host,
  { debs: { directory, limitMiB } }: BootstrapMeans,
  source: string,
): Promise<void> {
  if (limitMiB === undefined) return;
  try {
    await keepDebs(directory, source, limitMiB);
  } catch (error) {
    host.log.warn(`cannot keep the downloaded packages in ${directory}: ${messageOf(error)}`);
  }
}
