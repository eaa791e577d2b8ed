import { access, constants } from "node:fs/promises";
import { KnownError } from "../../host/errors.ts";
import type { Host } from "../../host/host.ts";
import { requireTools } from "../../host/process/tools.ts";
import { toolsFor } from "../../host/process/tools-table.ts";
import type { BootstrapMeans } from "./bootstrap-means.ts";
import type { SystemSpec } from "../spec/system-spec.ts";
import { type SuiteFacts, suiteFacts } from "./suite-facts.ts";

/** What a bootstrap will use, all of it found to be there. */
export interface Archive {
  /** Never empty. */
  readonly mirror: string;
  /** Empty when signatures are not checked, or by the engine's own choice. */
  readonly keyring: string;
  /** Path of the script for debootstrap, where it has none for the suite. */
  readonly script: string | undefined;
}

/** Packages that bring the keyrings debootstrap's suite scripts name. */
const keyringPackages: readonly (readonly [RegExp, string])[] = [
  [/ubuntu-archive/, "ubuntu-keyring (ubuntu-archive-keyring in older Debian releases)"],
  [/debian-archive/, "debian-archive-keyring"],
  [/debian-ports/, "debian-ports-archive-keyring"],
  [/kali/, "kali-archive-keyring"],
];

/**
 * Checks, before anything is begun, that the engine is installed, knows the suite and can check its signatures. Throws
 * KnownError with the package to install.
 */
export async function preflight(host: Host, spec: SystemSpec, means: BootstrapMeans): Promise<Archive> {
  requireTools(host, toolsFor(spec.engine, ...(spec.checkSignatures ? (["signatures"] as const) : [])));
  const facts = await suiteFactsFor(host, spec, means);
  const keyring = spec.checkSignatures ? spec.keyring || (facts?.keyring ?? "") : "";
  if (keyring !== "") await requireKeyring(spec, keyring);
  return { mirror: mirrorFor(spec, facts), keyring, script: facts?.script };
}

// mmdebstrap takes any suite the mirror has; only its default mirror and keyring are debootstrap's knowledge.
async function suiteFactsFor(host: Host, spec: SystemSpec, means: BootstrapMeans): Promise<SuiteFacts | undefined> {
  try {
    return await suiteFacts(host, spec, means);
  } catch (error) {
    if (spec.engine === "mmdebstrap" && spec.mirror !== "" && error instanceof KnownError) return undefined;
    throw error;
  }
}

function mirrorFor(spec: SystemSpec, facts: SuiteFacts | undefined): string {
  const mirror = spec.mirror === "" ? (facts?.mirror ?? "") : spec.mirror;
  if (mirror !== "") return mirror.replace(/\/+$/, "");
  throw new KnownError("MIRROR is empty, and debootstrap, which knows the default of each suite, is not installed", {
    hint: "set MIRROR, or install debootstrap",
  });
}

async function requireKeyring(spec: SystemSpec, keyring: string): Promise<void> {
  try {
    await access(keyring, constants.R_OK);
  } catch (error) {
    const source = spec.keyring === "" ? `the suite ${spec.suite} is signed by keys in` : "KEYRING names";
    throw new KnownError(`${source} ${keyring}, which cannot be read`, { cause: error, hint: keyringHint(keyring) });
  }
}

function keyringHint(keyring: string): string {
  const found = keyringPackages.find(([pattern]) => pattern.test(keyring))?.[1];
  const install = found === undefined ? "install it" : `on Debian and Ubuntu: apt-get install ${found}`;
  return `${install}; or set KEYRING to the file that holds the keys; CHECK_SIGNATURES=no switches the check off`;
}
