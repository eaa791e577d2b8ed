import { quoteAssignment } from "../host/errors.ts";
import type { Host } from "../host/host.ts";
import type { Installation } from "../host/installation.ts";
import { maskCredentials } from "../host/log.ts";
import type { SettingOrigin } from "./config.ts";
import { loadSettings, type SettingsRequest } from "./load.ts";
import { describeOrigin } from "./origin.ts";
import { settingNames, settingOf } from "../settings/settings.ts";

/** One setting as `config show` prints it. */
export interface ShownSetting {
  readonly name: string;
  /** Secrets and credentials in URLs are masked. */
  readonly value: string;
  readonly origin: SettingOrigin;
  readonly help: string;
}

/** Everything that `config show` prints. */
export interface ShownConfig {
  readonly variant: string | null;
  readonly settings: readonly ShownSetting[];
  /** Names of the variables that the settings files export; their values may be secret. */
  readonly exported: readonly string[];
  readonly warnings: readonly string[];
  readonly problems: readonly string[];
}

/** The settings in force for `request`, right or wrong. Throws ConfigError when the files cannot be evaluated. */
export async function showConfig(
  host: Host,
  request: SettingsRequest,
  installation: Installation,
): Promise<ShownConfig> {
  const { raw, exported, warnings, misspelt, problems } = await loadSettings(host, request, installation);
  return {
    variant: request.variant ?? null,
    settings: settingNames.map((name) => {
      const { secret, help } = settingOf(name);
      const { value, origin } = raw[name];
      return { name, value: secret === true && value !== "" ? "***" : maskCredentials(value), origin, help };
    }),
    exported: Object.keys(exported).sort(),
    warnings: [...warnings, ...misspelt],
    problems,
  };
}

/** `shown` as text for a person: a line for each setting, as in a settings file, and where it was set. */
export function formatConfig({ settings, exported, warnings, problems }: ShownConfig): string {
  const lines = settings.map(
    ({ name, value, origin }) => [quoteAssignment(name, value), describeOrigin(origin)] as const,
  );
  const width = Math.min(48, Math.max(...lines.map(([assignment]) => assignment.length)));
  return [
    ...lines.map(([assignment, origin]) => `${assignment.padEnd(width)}  # ${origin}`),
    ...(exported.length === 0 ? [] : [`# exported by the settings files: ${exported.join(" ")}`]),
    ...warnings.map((warning) => `# warning: ${warning}`),
    ...problems.map((problem) => `# problem: ${problem}`),
    "",
  ].join("\n");
}
