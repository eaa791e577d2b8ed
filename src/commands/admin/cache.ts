import type { Command } from "commander";
import type { Config } from "../../config/config.ts";
import { loadConfig } from "../../config/load.ts";
import { planBoot } from "../../guest/boot/plan.ts";
import { KnownError } from "../../host/errors.ts";
import { mebibytes } from "../../host/size.ts";
import type { Instance } from "../../os-api/request.ts";
import { type CachedSystem, listCaches } from "../../system-image/list.ts";
import { type Pruned, pruneCaches } from "../../system-image/prune.ts";
import { ensureCached } from "../../system-image/build.ts";
import { type Refreshed, refreshCaches } from "../../system-image/refresh.ts";
import { type Verified, verifyCaches } from "../../system-image/verify.ts";
import { requireRoot } from "../root.ts";
import { type AdminContext, asJson, jsonOption, type JsonOption, settingsRequest } from "./context.ts";

interface BuildOptions extends JsonOption {
  readonly force?: boolean;
  readonly hypervisor?: string;
}

/** The result of `cache build` for one variant; `variant` is undefined for the settings without one. */
interface Built {
  readonly variant: string | undefined;
  readonly name: string;
  readonly outcome: "built" | "present";
}

/** Adds the verbs of `ganeti-instance-debootstrap cache` to the administrator's command. */
export function registerCacheCommands(program: Command, context: AdminContext): void {
  const cache = program.command("cache").description("the bootstrapped systems kept on this node");
  cache
    .command("list")
    .description("lists the kept systems with their age, size, packages, origin and images")
    .option(...jsonOption)
    .action((options: JsonOption) => list(context, options));
  cache
    .command("build [variant...]")
    .description("bootstraps the systems that are not kept yet, for the named variants or for the settings without one")
    .option("--force", "also build systems that are kept already")
    .option("--hypervisor <name>", "for instances of this hypervisor, where the boot loader or kernel depends on it")
    .option(...jsonOption)
    .action((variants: readonly string[], options: BuildOptions) => build(context, variants, options));
  cache
    .command("refresh")
    .description(
      "renews systems that will soon be older than CLEAN_CACHE days; one without newer packages gets a new date",
    )
    .option("--all", "systems of any age")
    .option(...jsonOption)
    .action((options: JsonOption & { readonly all?: boolean }) => refresh(context, options));
  cache
    .command("verify")
    .description("reads all files and compares checksums; sets damaged ones aside; exit status 1 when there were any")
    .option(...jsonOption)
    .action((options: JsonOption) => verify(context, options));
  cache
    .command("prune")
    .description("removes files that are expired, half-written, damaged or without their tar")
    .option(...jsonOption)
    .action((options: JsonOption) => prune(context, options));
}

async function list(context: AdminContext, { json }: JsonOption): Promise<void> {
  const systems = await listCaches(await configOf(context, undefined));
  context.answer(json === true ? asJson(systems) : formatList(systems));
}

async function build(context: AdminContext, variants: readonly string[], options: BuildOptions): Promise<void> {
  requireRoot();
  const results: Built[] = [];
  for (const variant of variants.length === 0 ? [undefined] : variants) {
    const config = await configOf(context, variant);
    const needs = needsOf(config, options.hypervisor);
    const { name, built } = await ensureCached(context.host, config, { ...needs, force: options.force === true });
    results.push({ variant, name, outcome: built ? "built" : "present" });
  }
  const line = ({ variant, name, outcome }: Built): string => `${variant ?? "(no variant)"}: ${name} ${outcome}\n`;
  context.answer(options.json === true ? asJson(results) : results.map(line).join(""));
}

async function refresh(context: AdminContext, options: JsonOption & { readonly all?: boolean }): Promise<void> {
  requireRoot();
  const config = await configOf(context, undefined);
  const results = await refreshCaches(context.host, config, options.all === true);
  context.answer(options.json === true ? asJson(results) : formatRefreshed(results));
  complainOf(
    results.filter(({ outcome }) => outcome === "failed").map(({ name, reason = "" }) => `${name}: ${reason}`),
  );
}

async function verify(context: AdminContext, { json }: JsonOption): Promise<void> {
  requireRoot();
  const results = await verifyCaches(context.host, await configOf(context, undefined));
  context.answer(json === true ? asJson(results) : formatVerified(results));
  complainOf(
    results.filter(({ outcome }) => outcome === "damaged").map(({ path, reason = "" }) => `${path}: ${reason}`),
  );
}

async function prune(context: AdminContext, { json }: JsonOption): Promise<void> {
  requireRoot();
  const pruned = await pruneCaches(context.host, await configOf(context, undefined));
  context.answer(json === true ? asJson(pruned) : formatPruned(pruned));
}

function complainOf(problems: readonly string[]): void {
  if (problems.length > 0) throw new KnownError(problems.join("\n"));
}

async function configOf(context: AdminContext, variant: string | undefined): Promise<Config> {
  return await loadConfig(context.host, settingsRequest(context, variant), context.installation);
}

function needsOf(config: Config, hypervisor: string | undefined) {
  const instance: Instance = { name: "any", hypervisor, hypervisorParameters: {}, disks: [], nics: [] };
  const { packages, loader } = planBoot(config, instance);
  return { bootPackages: packages, bootloader: loader };
}

function formatList(systems: readonly CachedSystem[]): string {
  if (systems.length === 0) return "nothing is cached\n";
  return systems.map(formatSystem).join("");
}

function formatSystem(system: CachedSystem): string {
  const images = system.images.map(({ path, size }) => `  image ${path} (${mebibytes(size)})\n`).join("");
  const head = `${system.path}: ${system.state}, ${String(system.ageDays)} days old, ${mebibytes(system.size)}`;
  return `${head}\n  ${formatOrigin(system)}\n${images}`;
}

function formatOrigin({ origin, key, packages = 0 }: CachedSystem): string {
  if (origin === "unknown") return "its manifest cannot be read: the next create sets it aside and builds it again";
  if (key === undefined) return "an administrator's own";
  return `${key.engine}, ${String(packages)} packages${key.packages.length === 0 ? "" : ` with ${key.packages.join(" ")}`}`;
}

function formatRefreshed(results: readonly Refreshed[]): string {
  if (results.length === 0) return "nothing is cached\n";
  return results
    .map(
      ({ name, outcome, reason }) =>
        `${name}: ${outcome}${reason === undefined || reason === outcome ? "" : ` (${reason})`}\n`,
    )
    .join("");
}

function formatVerified(results: readonly Verified[]): string {
  if (results.length === 0) return "nothing is cached\n";
  return results
    .map(({ path, outcome, reason }) => `${path}: ${outcome}${reason === undefined ? "" : ` (${reason})`}\n`)
    .join("");
}

function formatPruned({ expired, files, packages }: Pruned): string {
  const lines = [
    ...expired.map((name) => `removed ${name}: expired`),
    ...files.map((file) => `removed ${file}`),
    ...(packages.length === 0 ? [] : [`removed ${String(packages.length)} packages beyond DEBS_CACHE_SIZE`]),
  ];
  return lines.length === 0 ? "nothing to remove\n" : `${lines.join("\n")}\n`;
}
