import { accessSync, constants, statSync } from "node:fs";
import { join } from "node:path";
import { KnownError } from "../errors.ts";
import type { Host } from "../host.ts";

/** An external command and the Debian package that brings it. */
export interface Tool {
  readonly command: string;
  readonly package: string;
}

/** A tool that a run needs is not installed on the node. */
export class MissingToolsError extends KnownError {
  override readonly name = "MissingToolsError";
}

/**
 * Throws one MissingToolsError that names every tool missing on the host's PATH. Call it before anything is changed.
 */
export function requireTools(host: Host, tools: readonly Tool[]): void {
  const missing = tools.filter(({ command }) => findCommand(host, command) === undefined);
  if (missing.length === 0) return;
  const packages = [...new Set(missing.map((tool) => tool.package))].join(" ");
  throw new MissingToolsError(`missing on this node: ${missing.map(({ command }) => command).join(", ")}`, {
    hint: `on Debian and Ubuntu: apt-get install ${packages} (the PATH searched was ${host.path})`,
  });
}

/** The path of an executable file on the host's PATH, as execvp(3) would find it. */
export function findCommand(host: Host, command: string): string | undefined {
  return host.path
    .split(":")
    .map((directory) => join(directory, command))
    .find(isExecutableFile);
}

function isExecutableFile(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}
