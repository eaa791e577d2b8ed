import { access, constants } from "node:fs/promises";
import type { Config } from "../../config/config.ts";
import { KnownError } from "../../host/errors.ts";
import type { Host } from "../../host/host.ts";
import { requireTools } from "../../host/tools.ts";
import { toolsFor } from "../../host/tools-table.ts";
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
export async function preflight(host: Host, config: Config): Promise<Archive> {
  requireTools(host, toolsFor(config.bootstrap, ...(config.checkSignatures ? (["signatures"] as const) : [])));
  const facts = await suiteFactsFor(host, config);
  const keyring = config.checkSignatures ? config.keyring || (facts?.keyring ?? "") : "";
  if (keyring !== "") await requireKeyring(config, keyring);
  return { mirror: mirrorFor(config, facts), keyring, script: facts?.script };
}

// mmdebstrap takes any suite the mirror has; only its default mirror and keyring are debootstrap's knowledge.
async function suiteFactsFor(host: Host, config: Config): Promise<SuiteFacts | undefined> {
  try {
    return await suiteFacts(host, config);
  } catch (error) {
    if (config.bootstrap === "mmdebstrap" && config.mirror !== "" && error instanceof KnownError) return undefined;
    throw error;
  }
}

function mirrorFor(config: Config, facts: SuiteFacts | undefined): string {
  const mirror = config.mirror === "" ? (facts?.mirror ?? "") : config.mirror;
  if (mirror !== "") return mirror.replace(/\/+$/, "");
  throw new KnownError("MIRROR is empty, and debootstrap, which knows the default of each suite, is not installed", {
    hint: "set MIRROR, or install debootstrap",
  });
}

async function requireKeyring(config: Config, keyring: string): Promise<void> {
  try {
    await access(keyring, constants.R_OK);
  } catch (error) {
    const source = config.keyring === "" ? `the suite ${config.suite} is signed by keys in` : "KEYRING names";
    throw new KnownError(`${source} ${keyring}, which cannot be read`, { cause: error, hint: keyringHint(keyring) });
  }
}

function keyringHint(keyring: string): string {
  const found = keyringPackages.find(([pattern]) => pattern.test(keyring))?.[1];
  const install = found === undefined ? "install it" : `on Debian and Ubuntu: apt-get install ${found}`;
  return `${install}; or set KEYRING to the file that holds the keys; CHECK_SIGNATURES=no switches the check off`;
}
