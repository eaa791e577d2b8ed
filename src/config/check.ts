import { KnownError } from "../host/errors.ts";
import type { Host } from "../host/host.ts";
import type { Installation } from "../host/installation.ts";
import { loadSettings, type LoadedSettings, type SettingsRequest } from "./load.ts";
import { ConfigError } from "./problems.ts";
import { configuredVariants, publishedVariants } from "./files/variants.ts";

/** The findings of `config check` for the settings without a variant (`variant` is null) or with one. */
export interface CheckedConfig {
  readonly variant: string | null;
  readonly published: boolean;
  readonly problems: readonly string[];
  readonly warnings: readonly string[];
}

/**
 * Evaluates the settings without a variant and with every variant that is published or has a file. The problems of one
 * do not hide those of another. Only a defaults file that ends the shell keeps the variants from being checked.
 */
export async function checkConfig(
  host: Host,
  request: Omit<SettingsRequest, "variant">,
  installation: Installation,
): Promise<readonly CheckedConfig[]> {
  const published = await publishedVariants(installation);
  const common = await check(host, { ...request, variant: undefined }, installation);
  const results: CheckedConfig[] = [{ variant: null, published: false, ...common.result }];
  if (common.variantsDir === undefined) return results;
  const configured = await configuredVariants(common.variantsDir);
  for (const variant of [...new Set([...published, ...configured])].sort()) {
    const { result } = await check(host, { ...request, variant }, installation);
    // A problem that exists without a variant is reported once.
    const own = (texts: readonly string[], told: readonly string[]) => texts.filter((text) => !told.includes(text));
    results.push({
      variant,
      published: published.includes(variant),
      problems: own(result.problems, common.result.problems),
      warnings: own(result.warnings, common.result.warnings),
    });
  }
  return results;
}

type Result = Pick<LoadedSettings, "problems" | "warnings">;

async function check(
  host: Host,
  request: SettingsRequest,
  installation: Installation,
): Promise<{ readonly result: Result; readonly variantsDir: string | undefined }> {
  try {
    const { problems, warnings, misspelt, raw } = await loadSettings(host, request, installation);
    return { result: { problems: [...problems, ...misspelt], warnings }, variantsDir: raw.VARIANTS_DIR.value };
  } catch (error) {
    if (!(error instanceof KnownError) || host.signal.aborted) throw error;
    const problems = error instanceof ConfigError ? error.problems : [error.message];
    return { result: { problems, warnings: [] }, variantsDir: undefined };
  }
}

/** `results` as text for a person: a line for each variant, with its problems and warnings below it. */
export function formatCheck(results: readonly CheckedConfig[]): string {
  return results
    .map(({ variant, published, problems, warnings }) => {
      const title = variant === null ? "settings without a variant" : `variant ${variant}`;
      const unpublished = variant !== null && !published ? " (not in variants.list)" : "";
      const verdict =
        problems.length === 0 ? "ok" : `${String(problems.length)} problem${problems.length === 1 ? "" : "s"}`;
      const details = [...problems, ...warnings.map((warning) => `warning: ${warning}`)];
      return [`${title}${unpublished}: ${verdict}`, ...details.map((detail) => `  ${detail}`), ""].join("\n");
    })
    .join("");
}
