import { readFile } from "node:fs/promises";
import { join } from "node:path";

/** The installed packages of a tree, from dpkg's status file (deb-control(5) paragraphs): name -> version. */
export async function installedPackages(tree: string): Promise<Record<string, string>> {
  const status = await readFile(join(tree, "var/lib/dpkg/status"), "utf8");
  return Object.fromEntries(
    status
      .split("\n\n")
      .map((paragraph) => ({
        name: field(paragraph, "Package"),
        version: field(paragraph, "Version"),
        status: field(paragraph, "Status"),
      }))
      .filter(({ name, status }) => name !== "" && status.endsWith(" installed"))
      .map(({ name, version }) => [name, version]),
  );
}

/** The value of a single-line field of a deb-control(5) paragraph; empty without it. */
export function field(paragraph: string, name: string): string {
  return new RegExp(`^${name}: *(.*)$`, "m").exec(paragraph)?.[1] ?? "";
}
