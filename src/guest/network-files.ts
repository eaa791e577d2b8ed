import { posix } from "node:path";
import { KnownError } from "../host/errors.ts";
import type { RootedFiles } from "../host/rooted-files.ts";
import { matchesWildcard } from "./wildcard.ts";

/** Which program reads a network file. */
export type NetworkKind = "ifupdown" | "networkd" | "netplan";

/** A file of the guest's static network configuration. */
export interface NetworkFile {
  readonly path: string;
  readonly kind: NetworkKind;
  /** ISO 8859-1, as `RootedFiles.edit` gives it. */
  readonly text: string;
}

/** What was found; `unreadable` are messages about files that are no regular ones, too large, or lead in a circle. */
export interface NetworkFiles {
  readonly files: readonly NetworkFile[];
  readonly unreadable: readonly string[];
}

/** A guest could make them without end. */
const maxFiles = 500;

/**
 * The guest's network files, wherever it keeps them: /etc/network/interfaces and what that sources, systemd-networkd's
 * .network files with their drop-ins, and netplan's.
 */
export async function readNetworkFiles(files: RootedFiles): Promise<NetworkFiles> {
  const found = new Map<string, NetworkFile>();
  const unreadable: string[] = [];
  const take = async (path: string, kind: NetworkKind): Promise<string | undefined> => {
    if (found.has(path) || found.size >= maxFiles) return undefined;
    try {
      if (await isMasked(files, path)) return undefined;
      const text = (await files.readBytes(path))?.toString("latin1");
      if (text !== undefined) found.set(path, { path, kind, text });
      return text;
    } catch (error) {
      if (!(error instanceof KnownError)) throw error;
      unreadable.push(error.message);
      return undefined;
    }
  };
  await takeInterfaces(files, "/etc/network/interfaces", take);
  for (const path of await networkdFiles(files)) await take(path, "networkd");
  for (const path of await matching(files, "/etc/netplan/*.yaml")) await take(path, "netplan");
  return { files: [...found.values()], unreadable };
}

// A link to /dev/null says that there is no such file (systemd.unit(5)).
async function isMasked(files: RootedFiles, path: string): Promise<boolean> {
  return (await files.readlink(path)) === "/dev/null";
}

type Take = (path: string, kind: NetworkKind) => Promise<string | undefined>;

// interfaces(5): source takes patterns, source-directory a directory with plainly named files.
async function takeInterfaces(files: RootedFiles, path: string, take: Take): Promise<void> {
  const text = await take(path, "ifupdown");
  for (const line of text?.split("\n") ?? []) {
    const [keyword, ...patterns] = line.trim().split(/\s+/);
    if (keyword !== "source" && keyword !== "source-directory") continue;
    for (const pattern of patterns) {
      for (const sourced of await sourcedFiles(files, keyword, posix.resolve("/etc/network", pattern))) {
        await takeInterfaces(files, sourced, take);
      }
    }
  }
}

async function sourcedFiles(files: RootedFiles, keyword: string, pattern: string): Promise<readonly string[]> {
  if (keyword === "source") return await matching(files, pattern);
  const directories = await matching(files, pattern);
  const paths = await Promise.all(directories.map((directory) => matching(files, `${directory}/*`)));
  return paths.flat().filter((path) => /\/[A-Za-z0-9_-]+$/.test(path));
}

async function networkdFiles(files: RootedFiles): Promise<readonly string[]> {
  const patterns = ["/etc/systemd/network/*.network", "/etc/systemd/network/*.network.d/*.conf"];
  return (await Promise.all(patterns.map((pattern) => matching(files, pattern)))).flat();
}

/** The paths of the guest that a shell pattern with `*`, `?` and `[...]` matches; one without them is taken as it is. */
export async function matching(files: RootedFiles, pattern: string): Promise<readonly string[]> {
  let paths = [""];
  for (const component of pattern.split("/").filter((name) => name !== "")) {
    const next = await Promise.all(paths.slice(0, maxFiles).map((path) => children(files, path, component)));
    paths = next.flat();
  }
  return paths.slice(0, maxFiles);
}

async function children(files: RootedFiles, path: string, component: string): Promise<readonly string[]> {
  if (!/[*?[]/.test(component)) return [`${path}/${component}`];
  const names = await listOrNothing(files, path);
  return names.filter((name) => matchesWildcard(name, component)).map((name) => `${path}/${name}`);
}

async function listOrNothing(files: RootedFiles, path: string): Promise<readonly string[]> {
  try {
    return await files.list(path === "" ? "/" : path);
  } catch (error) {
    if (error instanceof KnownError) return [];
    throw error;
  }
}
