import { distroInfo, type SeriesFiles } from "./distro-info.ts";
import { aliases, type Release, type ReleaseFamily, releases } from "./table.ts";

/** The release that is installed where nothing is set. */
export const defaultSuite = "trixie";

/** A name that nobody knows counts as this Debian: what it can read, everything since can. */
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
  if (fallback === undefined) throw new Error("the table of releases lacks its own default");
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
