import { distroInfo, type SeriesFiles } from "./distro-info.ts";
import { aliases, type Release, type ReleaseFamily, releases } from "./table.ts";

/** The release that is installed by default. */
export const defaultSuite = "trixie";

/** An unknown name counts as this Debian, because all later releases can read what this one can read. */
const cautious = "bullseye";

/**
 * The release that `suite` names. Names come from the table (table.ts); a newer one from the files of distro-info-data,
 * where the node has them: it counts as the newest release of its family in the table that came before it. A name that
 * is in neither counts as Debian's bullseye in every respect, without a family.
 */
export function releaseOf(suite: string, files?: SeriesFiles): Release {
  const name = suite.replace(/-(?:backports|updates|security|proposed)$/, "");
  const known = inTable(name);
  if (known !== undefined) return known;
  const earlier = distroInfo(name, files);
  const like = earlier?.series.map(inTable).findLast((release) => release !== undefined);
  if (earlier !== undefined && like !== undefined) return { ...like, name, family: earlier.family };
  const fallback = inTable(cautious);
  if (fallback === undefined) throw new Error("the table of releases does not have the default release");
  return { ...fallback, name, family: undefined };
}

function inTable(name: string): Release | undefined {
  return releases.get(aliases[name] ?? name);
}

/** The script of debootstrap that bootstraps any release of a family; a script per suite is often a link to it. */
export const familyScripts: Readonly<Record<ReleaseFamily, string>> = {
  debian: "sid",
  ubuntu: "gutsy",
  devuan: "ceres",
};
