import type { Config } from "../../config/config.ts";

const proxies = ["http_proxy", "https_proxy", "ftp_proxy", "no_proxy"] as const;

/**
 * The environment of a bootstrap engine: what the settings files export, and the proxy: PROXY for all protocols, else
 * what the caller's environment has. Nothing else of it: it may hold secret OS parameters.
 */
export function engineEnvironment(config: Config): Record<string, string> {
  const inherited = proxies.flatMap((name) => {
    const value = config.environment[name];
    return value === undefined ? [] : [[name, value] as const];
  });
  const chosen = config.proxy === "" ? [] : proxies.slice(0, 3).map((name) => [name, config.proxy] as const);
  return { ...Object.fromEntries(inherited), ...config.exported, ...Object.fromEntries(chosen) };
}
