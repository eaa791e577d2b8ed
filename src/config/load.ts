import type { Host } from "../host/host.ts";
import type { Installation } from "../host/installation.ts";
import type { OsRequest } from "../os-api/request.ts";
import { nodeArchitecture } from "./architecture.ts";
import type { Config, SettingOrigin } from "./config.ts";
import { evaluate, type Evaluation } from "./evaluate.ts";
import { fileProblem } from "./file-problem.ts";
import { layered, type Layered } from "./layers.ts";
import { ConfigError } from "./problems.ts";
import type { DefaultFacts } from "../settings/setting.ts";
import { type SettingName, settingNames, settingOf, settings, type SettingValues } from "../settings/settings.ts";
import { defaultsFileOf, lineOf, settingsFile, trustWarning } from "./settings-file.ts";
import { missingVariant, variantFile, variantNameProblem } from "./variants.ts";

/** The part of a request that decides which settings are in force. */
export type SettingsRequest = Pick<OsRequest, "apiVersion" | "variant" | "environment"> & { readonly action: string };

export interface LoadOptions {
  /** How long the settings files may take together; default 60. */
  readonly timeoutSeconds?: number;
}

/** All settings as they were found, right or wrong. */
export interface LoadedSettings {
  readonly raw: Readonly<Record<SettingName, Layered>>;
  /** Undefined when there are problems. */
  readonly config: Config | undefined;
  /** What the settings files set or changed and exported. Never show the values. */
  readonly exported: Readonly<Record<string, string>>;
  readonly problems: readonly string[];
  readonly warnings: readonly string[];
}

/**
 * The settings in force for a request: environment, then the defaults file, then built-in values for what is unset, then
 * the variant; each later one wins. Throws ConfigError with everything that is wrong.
 */
export async function loadConfig(
  host: Host,
  request: SettingsRequest,
  installation: Installation,
  options: LoadOptions = {},
): Promise<Config> {
  const { config, problems, warnings } = await loadSettings(host, request, installation, options);
  for (const warning of warnings) host.log.warn(warning);
  if (config === undefined) throw new ConfigError(problems);
  return config;
}

/** As {@link loadConfig}, but returns problems and warnings. Throws ConfigError when nothing could be evaluated. */
export async function loadSettings(
  host: Host,
  request: SettingsRequest,
  installation: Installation,
  { timeoutSeconds = 60 }: LoadOptions = {},
): Promise<LoadedSettings> {
  const variant = request.variant;
  const nameProblem = variant === undefined ? undefined : variantNameProblem(variant);
  if (nameProblem !== undefined) throw new ConfigError([nameProblem]);
  const facts: DefaultFacts = { apiVersion: request.apiVersion, installation };
  const defaultsFile = await settingsFile(defaultsFileOf(installation));
  const evaluating = evaluate(host, {
    defaultsFile,
    variant,
    environment: request.environment,
    facts,
    directory: installation.osDir,
    command: request.action,
    timeoutSeconds,
  });
  // Asked meanwhile, since most need it; its failure counts when it is awaited.
  const architecture = nodeArchitecture(host);
  architecture.catch(() => undefined);
  const evaluation = await evaluating;
  const places = placesOf(evaluation, installation, facts, variant);
  const raw = layered(evaluation, facts, places);
  if (raw.ARCH.value === "") raw.ARCH = { value: await architecture, origin: raw.ARCH.origin };
  const values = await checkValues(raw);
  const problems = [
    ...fileProblem(places.defaults, evaluation.defaults, evaluation.said),
    ...(await variantProblems(evaluation, places, installation, variant)),
    ...values.problems,
  ];
  return {
    raw,
    config:
      problems.length === 0 && values.checked !== undefined
        ? toConfig(values.checked, evaluation, request, raw)
        : undefined,
    exported: changed(evaluation.environment, request.environment),
    problems,
    warnings: await warningsOf(evaluation, places, raw),
  };
}

interface Places {
  readonly defaults: string;
  readonly variantsDir: string;
  /** Undefined without a variant. */
  readonly variant: string | undefined;
}

function placesOf(
  { environmentValues, defaults }: Evaluation,
  installation: Installation,
  facts: DefaultFacts,
  variant: string | undefined,
): Places {
  const given = defaults.values.VARIANTS_DIR ?? environmentValues.VARIANTS_DIR ?? "";
  const variantsDir = given === "" ? settings.VARIANTS_DIR.default(facts) : given;
  return {
    defaults: defaultsFileOf(installation),
    variantsDir,
    variant: variant === undefined ? undefined : variantFile(variantsDir, variant),
  };
}

async function variantProblems(
  evaluation: Evaluation,
  { variantsDir, variant: file }: Places,
  installation: Installation,
  variant: string | undefined,
): Promise<readonly string[]> {
  if (variant === undefined || file === undefined) return [];
  if (evaluation.noVariantFile) return [await missingVariant(variant, variantsDir, installation)];
  return evaluation.variant === undefined ? [] : fileProblem(file, evaluation.variant, evaluation.said);
}

async function checkValues(
  raw: Readonly<Record<SettingName, Layered>>,
): Promise<{ readonly checked: SettingValues | undefined; readonly problems: readonly string[] }> {
  const values: Record<string, unknown> = {};
  const problems: string[] = [];
  for (const name of settingNames) {
    const result = settingOf(name).type.safeParse(raw[name].value);
    if (result.success) values[settingOf(name).key] = result.data;
    else problems.push(await valueProblem(name, raw[name]));
  }
  return { checked: problems.length === 0 ? (values as unknown as SettingValues) : undefined, problems };
}

async function valueProblem(name: SettingName, { value, origin }: Layered): Promise<string> {
  const { expected, secret } = settingOf(name);
  const shown = secret === true ? "" : `=${JSON.stringify(value)}`;
  return `${name}${shown} (${await placeOf(name, origin)}): expected ${expected}`;
}

async function placeOf(name: SettingName, origin: SettingOrigin): Promise<string> {
  if (origin.kind !== "file") return describeOrigin(origin);
  const line = await lineOf(origin.path, name);
  return line === undefined ? origin.path : `${origin.path} line ${String(line)}`;
}

/** Where a value came from, in words. */
export function describeOrigin(origin: SettingOrigin): string {
  switch (origin.kind) {
    case "default":
      return "built-in";
    case "environment":
      return "environment";
    case "os-parameter":
      return `OS parameter ${origin.name}`;
    case "file":
      return origin.path;
  }
}

async function warningsOf(
  evaluation: Evaluation,
  places: Places,
  raw: Readonly<Record<SettingName, Layered>>,
): Promise<readonly string[]> {
  const stages = [
    [places.defaults, evaluation.defaults],
    [places.variant, evaluation.variant],
  ] as const;
  const warnings: string[] = [];
  for (const [file, stage] of stages) {
    if (file === undefined || stage === undefined) continue;
    const trust = await trustWarning(file);
    if (trust !== undefined) warnings.push(trust);
    for (const name of stage.oldSpellings) {
      warnings.push(`${file}: ${settingOf(name).oldSpelling ?? ""} is an old spelling of ${name}; please rename it`);
    }
    for (const name of stage.arrays) warnings.push(`${file}: ${name} is an array, only its first element is used`);
  }
  const { value } = raw.GENERATE_CACHE;
  if (value !== "yes" && value !== "no" && value !== "") {
    warnings.push(`GENERATE_CACHE=${value} is not yes: no system is kept in the cache`);
  }
  return warnings;
}

function toConfig(
  values: SettingValues,
  { environment }: Evaluation,
  request: SettingsRequest,
  raw: Readonly<Record<SettingName, Layered>>,
): Config {
  return {
    ...values,
    variant: request.variant,
    environment,
    exported: changed(environment, request.environment),
    settings: Object.fromEntries(settingNames.map((name) => [name, raw[name].value])),
    origins: Object.fromEntries(settingNames.map((name) => [name, raw[name].origin])),
  };
}

function changed(
  after: Readonly<Record<string, string>>,
  before: Readonly<Record<string, string>>,
): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(after).filter(([name, value]) => before[name] !== value));
}
