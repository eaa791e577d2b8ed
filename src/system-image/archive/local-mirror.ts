import { createHash } from "node:crypto";
import { copyFile, link, mkdir, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { hasCode } from "../../host/errors.ts";
import { componentsOf, type SystemSpec } from "../spec/system-spec.ts";
import { field } from "../tree/dpkg-status.ts";
import type { ArchivePackage } from "./packages-index.ts";

/** One .deb of a local mirror and where it is now. */
export interface MirroredDeb {
  readonly component: string;
  readonly package: ArchivePackage;
  readonly path: string;
}

/**
 * Writes a small archive below `directory` that has only `debs` (links to them), and returns its URL. Its indices keep
 * the checksums of the signed ones, so debootstrap checks each .deb against what the archive's key vouches for; only
 * the Release file is not signed any more. `release` is the text of the suite's own.
 */
export async function writeLocalMirror(
  directory: string,
  spec: SystemSpec,
  release: string,
  debs: readonly MirroredDeb[],
): Promise<string> {
  const dists = join(directory, "dists", spec.suite);
  const sums: string[] = [];
  for (const component of componentsOf(spec)) {
    const text = debs
      .filter((deb) => deb.component === component)
      .map((deb) => `${localParagraph(deb)}\n\n`)
      .join("");
    const path = `${component}/binary-${spec.arch}/Packages`;
    await mkdir(join(dists, component, `binary-${spec.arch}`), { recursive: true, mode: 0o755 });
    await writeFile(join(dists, path), text);
    sums.push(` ${createHash("sha256").update(text).digest("hex")} ${String(Buffer.byteLength(text))} ${path}`);
  }
  await mkdir(join(directory, "pool"), { recursive: true, mode: 0o755 });
  for (const deb of debs) await linkOrCopy(deb.path, join(directory, poolPath(deb)));
  await writeFile(join(dists, "Release"), localRelease(release, spec, sums));
  return `file://${directory}`;
}

function localParagraph(deb: MirroredDeb): string {
  return deb.package.paragraph.replace(/^Filename: .*$/m, `Filename: ${poolPath(deb)}`);
}

// debootstrap reads the URL with a shell: no `%` of an epoch in names.
function poolPath({ path }: MirroredDeb): string {
  return `pool/${basename(path).replaceAll("%", "_")}`;
}

function localRelease(release: string, spec: SystemSpec, sums: readonly string[]): string {
  const suite = field(release, "Suite");
  const codename = field(release, "Codename") || spec.suite;
  return [
    ...(suite === "" ? [] : [`Suite: ${suite}`]),
    `Codename: ${codename}`,
    `Components: ${componentsOf(spec).join(" ")}`,
    "SHA256:",
    ...sums,
    "",
  ].join("\n");
}

async function linkOrCopy(from: string, to: string): Promise<void> {
  try {
    await link(from, to);
  } catch (error) {
    if (hasCode(error, "EEXIST")) return;
    await copyFile(from, to);
  }
}
