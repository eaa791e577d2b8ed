// npm run tools-docs: writes the list of packages in README.md and the one of scripts/install-packages from the table in
// src/host/process/tools-table.ts. A test compares them.
import { readFileSync, writeFileSync } from "node:fs";
import { pathToFileURL } from "node:url";
import { needs, toolTable } from "../src/host/process/tools-table.ts";

/** The keys by which a bootstrap checks signatures: a package without a command. */
const alsoOnNodes = ["debian-archive-keyring"];
/** For what few nodes choose; the tests have them. */
const chosen: ReadonlySet<string> = new Set(["mmdebstrap"]);

/** The packages of a node on which everything works, as one shell word each. */
export function nodePackages(): readonly string[] {
  const packages = toolTable.map((row) => row.package).filter((name) => !chosen.has(name));
  return [...new Set([...packages, ...alsoOnNodes])].sort();
}

/** The table of packages in README.md. */
export function packageTable(): string {
  const names = [...new Set(toolTable.map((row) => row.package))].sort();
  const lines = names.map((name) => {
    const rows = toolTable.filter((row) => row.package === name);
    const commands = [...new Set(rows.flatMap((row) => row.commands))].sort().map((command) => `\`${command}\``);
    const purposes = [...new Set(rows.flatMap((row) => row.neededBy))].map((need) => needs[need]);
    return `| \`${name}\` | ${commands.join(" ")} | ${purposes.join("; ")} |`;
  });
  return ["| package | commands | needed for |", "|---|---|---|", ...lines, ""].join("\n");
}

/** `readme` with the table of packages in the place of the one it has. Throws Error when it has none. */
export function withPackageTable(readme: string): string {
  return replaced(readme, /^\| package \|.*\n(?:\|.*\n)*/m, packageTable());
}

/** The script with the list of a node's packages in the place of the one it has. Throws Error when it has none. */
export function withNodePackages(script: string): string {
  return replaced(script, /^node_packages='[^']*'\n/m, `node_packages='\n${nodePackages().join("\n")}\n'\n`);
}

function replaced(text: string, pattern: RegExp, by: string): string {
  if (!pattern.test(text)) throw new Error("no list of packages to replace");
  return text.replace(pattern, () => by);
}

function main(): void {
  for (const [path, change] of [
    ["README.md", withPackageTable],
    ["scripts/install-packages", withNodePackages],
  ] as const) {
    writeFileSync(path, change(readFileSync(path, "utf8")));
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) main();
