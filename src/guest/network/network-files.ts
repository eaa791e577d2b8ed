import { posix } from "node:path";
import { KnownError } from "../../host/errors.ts";
import type { RootedFiles } from "../../host/files/rooted-files.ts";
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

/** A guest could make files, and lines that source them, without end. */
const maxFiles = 500;
const maxSteps = 3000;
const maxUnreadable = 10;

/**
 * The guest's network files, wherever it keeps them: /etc/network/interfaces and what that sources, systemd-networkd's
 * .network files with their drop-ins, and netplan's.
 */
export async function readNetworkFiles(files: RootedFiles): Promise<NetworkFiles> {
  const search = startSearch(files);
  await takeInterfaces(search, "/etc/network/interfaces");
  for (const path of await matching(search, "/etc/systemd/network/*.network")) await search.take(path, "networkd");
  for (const path of await matching(search, "/etc/systemd/network/*.network.d/*.conf")) {
    await search.take(path, "networkd");
  }
  for (const path of await matching(search, "/etc/netplan/*.yaml")) await search.take(path, "netplan");
  return search.result();
}

/** A search that ends: each look at the guest is one of a limited number of steps. */
interface Search {
  /** Reads a file that was not read before; its text, or undefined. */
  take(path: string, kind: NetworkKind): Promise<string | undefined>;
  list(directory: string): Promise<readonly string[]>;
  result(): NetworkFiles;
}

function startSearch(files: RootedFiles): Search {
  const found = new Map<string, NetworkFile>();
  const unreadable = new Set<string>();
  let steps = 0;
  const attempt = async <T>(work: () => Promise<T>, nothing: T): Promise<T> => {
    if (++steps > maxSteps) return nothing;
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof KnownError)) throw error;
      if (unreadable.size < maxUnreadable) unreadable.add(error.message);
      return nothing;
    }
  };
  return {
    take: (path, kind) =>
      attempt(async () => {
        if (found.has(path) || found.size >= maxFiles || (await isMasked(files, path))) return undefined;
        const text = (await files.readBytes(path))?.toString("latin1");
        if (text !== undefined) found.set(path, { path, kind, text });
        return text;
      }, undefined),
    list: (directory) => attempt(() => files.list(directory), []),
    result: () => {
      const cut =
        steps > maxSteps || found.size >= maxFiles ? ["network files beyond the first: there are too many"] : [];
      return { files: [...found.values()], unreadable: [...unreadable, ...cut] };
    },
  };
}

// A link to /dev/null says that there is no such file (systemd.unit(5)).
async function isMasked(files: RootedFiles, path: string): Promise<boolean> {
  return (await files.readlink(path)) === "/dev/null";
}

// interfaces(5): source takes patterns, source-directory a directory with plainly named files.
async function takeInterfaces(search: Search, path: string): Promise<void> {
  const text = await search.take(path, "ifupdown");
  for (const line of text?.split("\n") ?? []) {
    const [keyword, ...patterns] = line.trim().split(/\s+/);
    if (keyword !== "source" && keyword !== "source-directory") continue;
    for (const pattern of patterns) {
      for (const sourced of await sourcedFiles(search, keyword, posix.resolve("/etc/network", pattern))) {
        await takeInterfaces(search, sourced);
      }
    }
  }
}

async function sourcedFiles(search: Search, keyword: string, pattern: string): Promise<readonly string[]> {
  if (keyword === "source") return await matching(search, pattern);
  const paths = await matching(search, `${pattern}/*`);
  return paths.filter((path) => /\/[A-Za-z0-9_-]+$/.test(path));
}

/** The paths of the guest that a shell pattern (glob(7)) matches; one without wildcards is taken as it is. */
async function matching(search: Search, pattern: string): Promise<readonly string[]> {
  let paths = [""];
  for (const component of pattern.split("/").filter((name) => name !== "")) {
    const next: string[] = [];
    for (const path of paths) {
      if (next.length < maxFiles) next.push(...(await children(search, path, component)).slice(0, maxFiles));
    }
    paths = next;
  }
  return paths;
}

async function children(search: Search, path: string, component: string): Promise<readonly string[]> {
  if (!/[*?[]/.test(component)) return [`${path}/${component}`];
  const names = await search.list(path === "" ? "/" : path);
  return names.filter((name) => matchesWildcard(name, component)).map((name) => `${path}/${name}`);
}
