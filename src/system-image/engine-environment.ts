import type { Config } from "../config/config.ts";

/** The environment of a bootstrap engine: what the settings files export, and the proxy for all protocols. */
export function engineEnvironment(config: Config): Record<string, string> {
  const proxy =
    config.proxy === "" ? {} : { http_proxy: config.proxy, https_proxy: config.proxy, ftp_proxy: config.proxy };
  return { ...config.exported, ...proxy };
}
