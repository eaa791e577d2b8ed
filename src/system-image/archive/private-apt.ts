import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Host } from "../../host/host.ts";
import { run } from "../../host/process/run.ts";
import { findCommand } from "../../host/process/tools.ts";
import { type BootstrapMeans, engineEnvironment } from "./bootstrap-means.ts";
import { componentsOf, type SystemSpec } from "../spec/system-spec.ts";
import type { ArchivePackage } from "./packages-index.ts";
import type { Archive } from "./archive.ts";

/** The signed indices of a suite, fetched and checked by apt. */
export interface FetchedIndices {
  /** Release file (the InRelease's own text, signature and all). */
  readonly release: string;
  /** Component -> path of its uncompressed Packages index. */
  readonly packages: ReadonlyMap<string, string>;
}

/** A node's apt that knows nothing of the node's own settings and system. */
export interface PrivateApt {
  readonly directory: string;
  readonly env: Record<string, string>;
  /** STALL_TIMEOUT, in seconds. */
  readonly stallTimeout: number;
}

const helper = "/usr/lib/apt/apt-helper";

/** Whether this node has what {@link fetchIndices} and {@link fetchDebs} need. */
export async function aptIsThere(host: Host): Promise<boolean> {
  const found = await readdir("/usr/lib/apt").catch((): string[] => []);
  return findCommand(host, "apt-get") !== undefined && found.includes("apt-helper");
}

/** Sets up a private apt below `directory` for the suite of `spec`. */
export async function preparePrivateApt(
  spec: SystemSpec,
  means: BootstrapMeans,
  archive: Archive,
  directory: string,
): Promise<PrivateApt> {
  for (const name of ["etc", "lists/partial", "state", "archives/partial"]) {
    await mkdir(join(directory, name), { recursive: true, mode: 0o755 });
  }
  const components = componentsOf(spec).join(" ");
  const trust = spec.checkSignatures ? `signed-by=${archive.keyring}` : "trusted=yes";
  const source = `deb [arch=${spec.arch} ${trust}] ${archive.mirror} ${spec.suite} ${components}\n`;
  await writeFile(join(directory, "etc/sources.list"), source);
  await writeFile(join(directory, "state/status"), "");
  await writeFile(join(directory, "apt.conf"), aptConfiguration(spec, directory));
  return {
    directory,
    env: { ...engineEnvironment(spec, means), APT_CONFIG: join(directory, "apt.conf") },
    stallTimeout: means.stallTimeout,
  };
}

/** Fetches the suite's indices and checks their signature. Throws CommandError. */
export async function fetchIndices(host: Host, spec: SystemSpec, apt: PrivateApt): Promise<FetchedIndices> {
  // Its own cache of all packages is of no use here and costs more than the download.
  await run(host, ["apt-get", "--error-on=any", "-o", "pkgCacheFile::Generate=false", "update"], {
    env: apt.env,
    isolated: true,
    stall: { what: `fetching the indices of ${spec.suite}`, seconds: apt.stallTimeout },
  });
  const lists = join(apt.directory, "lists");
  const files = await readdir(lists);
  const release = files.find((file) => /_(?:In)?Release$/.test(file));
  const packages = componentsOf(spec).flatMap((component) => {
    const file = files.find((name) => name.endsWith(`_${component}_binary-${spec.arch}_Packages`));
    return file === undefined ? [] : [[component, join(lists, file)] as const];
  });
  return {
    release: release === undefined ? "" : await readFile(join(lists, release), "utf8"),
    packages: new Map(packages),
  };
}

/** A .deb to be fetched to `path`. */
export interface WantedDeb extends Pick<ArchivePackage, "filename" | "sha256"> {
  readonly path: string;
}

const debsPerCall = 500;

/** Fetches .debs at once over few connections; apt checks each against its SHA-256. Throws CommandError. */
export async function fetchDebs(
  host: Host,
  apt: PrivateApt,
  mirror: string,
  debs: readonly WantedDeb[],
): Promise<void> {
  for (let start = 0; start < debs.length; start += debsPerCall) {
    const words = debs
      .slice(start, start + debsPerCall)
      .flatMap(({ filename, path, sha256 }) => [`${mirror}/${filename}`, path, `SHA256:${sha256}`]);
    await run(host, [helper, "download-file", ...words], {
      env: apt.env,
      isolated: true,
      stall: { what: `fetching packages from ${mirror}`, seconds: apt.stallTimeout },
    });
  }
}

// Nothing of the node's: no sources, keys, preferences, proxies or hooks of its own apt.conf.d.
function aptConfiguration(spec: SystemSpec, directory: string): string {
  const settings: readonly (readonly [string, string])[] = [
    ["Dir", directory],
    ["Dir::Etc", join(directory, "etc")],
    ["Dir::Etc::SourceParts", "/dev/null"],
    ["Dir::Etc::Parts", "/dev/null"],
    ["Dir::Etc::PreferencesParts", "/dev/null"],
    ["Dir::Etc::Trusted", "/dev/null"],
    ["Dir::Etc::TrustedParts", "/dev/null"],
    ["Dir::State", join(directory, "state")],
    ["Dir::State::Lists", join(directory, "lists")],
    ["Dir::State::status", join(directory, "state/status")],
    ["Dir::Cache", directory],
    ["APT::Architecture", spec.arch],
    ["APT::Architectures", spec.arch],
    ["APT::Sandbox::User", "root"],
    ["Acquire::Languages", "none"],
    ["Acquire::PDiffs", "false"],
    ["Acquire::Retries", "3"],
  ];
  return settings.map(([name, value]) => `${name} "${value}";\n`).join("");
}
