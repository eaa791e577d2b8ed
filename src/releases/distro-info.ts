import { readFileSync } from "node:fs";

/** The files of the package distro-info-data, by family. */
export type SeriesFiles = Readonly<Record<"debian" | "ubuntu", string>>;

/** A series in one of the files: the family it belongs to, and the series before it, the oldest first. */
export interface KnownSeries {
  readonly family: keyof SeriesFiles;
  readonly series: readonly string[];
}

const installed: SeriesFiles = {
  debian: "/usr/share/distro-info/debian.csv",
  ubuntu: "/usr/share/distro-info/ubuntu.csv",
};

/**
 * Looks a series up in distro-info-data, which knows releases that are younger than this program (deb:
 * distro-info-data; its columns: version,codename,series,created,release,eol,...). Undefined where no file has it.
 */
export function distroInfo(series: string, files: SeriesFiles = installed): KnownSeries | undefined {
  for (const family of ["debian", "ubuntu"] as const) {
    const names = seriesIn(files[family]);
    const at = names.indexOf(series);
    if (at >= 0) return { family, series: names.slice(0, at) };
  }
  return undefined;
}

function seriesIn(file: string): readonly string[] {
  const [head = "", ...lines] = read(file).split("\n");
  const column = head.split(",").indexOf("series");
  return column < 0 ? [] : lines.flatMap((line) => line.split(",")[column] ?? []);
}

// The package is optional: without it, or with an unreadable file, only the table counts.
function read(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return "";
  }
}
