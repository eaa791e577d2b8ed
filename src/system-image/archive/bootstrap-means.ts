import { join } from "node:path";
import type { Config } from "../../config/config.ts";
import { type ScratchSpace, scratchSpace } from "../cache/scratch.ts";
import type { SystemSpec } from "../spec/system-spec.ts";

/** With what a bootstrap works on this node. Nothing of it shapes the system. */
export interface BootstrapMeans {
  /** The environment of the engines, but for what belongs to a spec: proxies, exported variables. Never log it. */
  readonly environment: Readonly<Record<string, string>>;
  readonly scratch: ScratchSpace;
  /** Seconds without progress after which an engine or apt is ended (STALL_TIMEOUT). */
  readonly stallTimeout: number;
  readonly debs: {
    /** Directory of downloaded packages. */
    readonly directory: string;
    /** MiB of packages that are kept for the next bootstrap; undefined: the directory is only read. */
    readonly limitMiB: number | undefined;
  };
}

const proxies = ["http_proxy", "https_proxy", "ftp_proxy", "no_proxy"] as const;
// A part of the spec, under its name there.
const specVariable = "DEBOOTSTRAP_DIR";

/** The means that the settings give. */
export function bootstrapMeans(config: Config): BootstrapMeans {
  return {
    environment: environmentOf(config),
    scratch: scratchSpace(config.scratchDir, config.cacheDir),
    stallTimeout: config.stallTimeout,
    debs: {
      directory: join(config.cacheDir, "debs"),
      limitMiB: config.generateCache ? config.debsCacheSizeMiB : undefined,
    },
  };
}

/** The whole environment of the engine that makes `spec`. Never log it. */
export function engineEnvironment(
  { debootstrapDir }: Pick<SystemSpec, "debootstrapDir">,
  { environment }: Pick<BootstrapMeans, "environment">,
): Record<string, string> {
  return { ...environment, ...(debootstrapDir === undefined ? {} : { [specVariable]: debootstrapDir }) };
}

// What the settings files export, and the proxy: PROXY for all protocols, else what the caller's environment has.
// Nothing else of that: it may hold secret OS parameters.
function environmentOf({ environment, exported, proxy }: Config): Record<string, string> {
  const inherited = proxies.flatMap((name) => {
    const value = environment[name];
    return value === undefined ? [] : [[name, value] as const];
  });
  const others = Object.entries(exported).filter(([name]) => name !== specVariable);
  const chosen = proxy === "" ? [] : proxies.slice(0, 3).map((name) => [name, proxy] as const);
  return Object.fromEntries([...inherited, ...others, ...chosen]);
}
