import type { Host } from "../host/host.ts";
import type { Installation } from "../host/installation.ts";
import type { OsRequest } from "../os-api/request.ts";
import { nodeArchitecture } from "./architecture.ts";
import { checkValues } from "./values/check-values.ts";
import type { Config } from "./config.ts";
import { evaluate, type Evaluation } from "./files/evaluate.ts";
import { fileProblem } from "./files/file-problem.ts";
import { givenParameters, givenValues, hasEffect, withGiven } from "./values/given.ts";
import { layered, type Layered } from "./layers.ts";
import { misspeltSettings } from "./values/misspelt.ts";
import { permissionProblems } from "./values/permission.ts";
import { ConfigError } from "./problems.ts";
import type { DefaultFacts } from "../settings/setting.ts";
import { type SettingName, settingNames, settingOf, settings, type SettingValues } from "../settings/settings.ts";
import { defaultsFileOf, settingsFile, trustWarning } from "./files/settings-file.ts";
import { missingVariant, variantFile, variantNameProblem } from "./files/variants.ts";

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
  /** The variables that the settings files set or changed and exported. Never show the values. */
  readonly exported: Readonly<Record<string, string>>;
  readonly problems: readonly string[];
  readonly warnings: readonly string[];
  /** Names in the files that are probably misspelt settings: a problem for `config check`, otherwise a warning. */
  readonly misspelt: readonly string[];
}

/**
 * The settings in force for a request: built-in, environment, defaults file, variant, OS parameters given for the
 * instance; each later one wins. Throws ConfigError with everything that is wrong.
 */
export async function loadConfig(
  host: Host,
  request: SettingsRequest,
  installation: Installation,
  options: LoadOptions = {},
): Promise<Config> {
  const { config, problems, warnings, misspelt } = await loadSettings(host, request, installation, options);
  for (const warning of [...warnings, ...misspelt]) host.log.warn(warning);
  if (config === undefined) throw new ConfigError(problems, request.variant);
  return config;
}

/** Like {@link loadConfig}, but returns problems and warnings. Throws ConfigError when nothing could be evaluated. */
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
  // Looked up at the same time, because most runs need it. Its failure counts when it is awaited.
  const architecture = nodeArchitecture(host);
  architecture.catch(() => undefined);
  const evaluation = await evaluating;
  const places = placesOf(evaluation, installation, facts, variant);
  const given = givenParameters(request.environment, request.action);
  const raw = layered(evaluation, facts, places, givenValues(given));
  if (raw.ARCH.value === "") raw.ARCH = { value: await architecture, origin: raw.ARCH.origin };
  const { values, problems: wrong } = await checkValues(raw, (name) => hasEffect(name, request.action));
  const problems = [
    ...fileProblem(places.defaults, evaluation.defaults, evaluation.said),
    ...(await variantProblems(evaluation, places, installation, variant)),
    ...wrong,
    ...(await permissionProblems(given, values.allowedParameters, raw.ALLOWED_PARAMETERS, places.defaults)),
  ];
  evaluation.sayUntold(problems);
  const environment = withGiven(evaluation.environment, given);
  const exported = changed(environment, request.environment);
  return {
    raw,
    config:
      problems.length === 0 ? configOf(values as SettingValues, raw, { variant, environment, exported }) : undefined,
    exported,
    problems,
    misspelt: await misspeltSettings(evaluatedFiles(evaluation, places), evaluation.environment),
    warnings: await warningsOf(evaluation, places, raw),
  };
}

function evaluatedFiles({ variant }: Evaluation, places: Places): readonly string[] {
  return [places.defaults, ...(variant === undefined || places.variant === undefined ? [] : [places.variant])];
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
    for (const name of stage.arrays) warnings.push(`${file}: ${name} is an array, but only its first element is used`);
  }
  const { value } = raw.GENERATE_CACHE;
  if (value !== "yes" && value !== "no" && value !== "") {
    warnings.push(`GENERATE_CACHE=${value} is not yes, so no system is kept in the cache`);
  }
  return warnings;
}

function configOf(
  values: SettingValues,
  raw: LoadedSettings["raw"],
  context: Pick<Config, "variant" | "environment" | "exported">,
): Config {
  return {
    ...values,
    ...context,
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
