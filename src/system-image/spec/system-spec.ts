import { createHash } from "node:crypto";
import { resolve } from "node:path";
import type { Config } from "../../config/config.ts";
import { KnownError } from "../../host/errors.ts";
import { shapingSettings } from "../../settings/settings.ts";
import * as z from "zod/mini";

/**
 * All that decides what a bootstrapped system contains, and the only input of a bootstrap; two systems of one spec are
 * interchangeable. It stands in manifests as `key`.
 */
export const systemSpecSchema = z.object({
  /** Version of what we do to a tree before it is cached (tidying, scrubbing, the tar's own options). */
  format: z.int(),
  suite: z.string(),
  arch: z.string(),
  /** Without a slash at the end; empty: debootstrap's own default. */
  mirror: z.string(),
  /** Sorted; empty: the engine's default. See {@link componentsOf}. */
  components: z.array(z.string()),
  /** Sorted: EXTRA_PKGS and what a guest needs for booting. */
  packages: z.array(z.string()),
  engine: z.enum(["debootstrap", "mmdebstrap"]),
  options: z.array(z.string()),
  keyring: z.string(),
  checkSignatures: z.boolean(),
  /** debootstrap's own directory with its suite scripts, where the settings files export another (DEBOOTSTRAP_DIR). */
  debootstrapDir: z.optional(z.string()),
});
export type SystemSpec = z.infer<typeof systemSpecSchema>;

/** Raise it when the same settings give another tree: caches of older versions are then rebuilt. */
const format = 1;

/** The system that the settings ask for, with `bootPackages`: what a guest needs for booting. */
export function systemSpec(config: Config, bootPackages: readonly string[]): SystemSpec {
  const debootstrapDir = config.exported["DEBOOTSTRAP_DIR"];
  return {
    format,
    suite: config.suite,
    arch: config.arch,
    mirror: config.mirror.replace(/\/+$/, ""),
    components: sortedSet(config.components),
    packages: sortedSet([...config.extraPackages, ...bootPackages]),
    engine: config.bootstrap,
    options: [...config.debootstrapOptions],
    keyring: config.keyring,
    checkSignatures: config.checkSignatures,
    ...(debootstrapDir === undefined ? {} : { debootstrapDir }),
  };
}

/** Whether both ask for the same system. */
export function sameSpec(a: SystemSpec, b: SystemSpec): boolean {
  return serialised(a) === serialised(b);
}

/** The components of the archive, `main` first, as sources.list has them; debootstrap's default where none were chosen. */
export function componentsOf({ components }: Pick<SystemSpec, "components">): readonly string[] {
  if (components.length === 0) return ["main"];
  const isMain = (component: string): boolean => component === "main";
  return [...components.filter(isMain), ...components.filter((component) => !isMain(component))];
}

/** The name every cache of a suite and architecture begins with, and the whole name of the common one. */
export function plainName({ suite, arch }: Pick<SystemSpec, "suite" | "arch">): string {
  return `cache-${suite}-${arch}`;
}

/** The name of a system that is kept beside the one with the plain name. */
export function hashedName(spec: SystemSpec): string {
  const hash = createHash("sha256").update(serialised(spec)).digest("hex");
  return `${plainName(spec)}-${hash.slice(0, 10)}`;
}

// A file name has at most 255 bytes; the longest ending is that of an image that is being written.
const longestName = 200;

/**
 * The name, without extension, under which the system is kept. The plain name belongs to the settings as they are
 * without a variant; what a variant, an OS parameter, a boot loader or DEBOOTSTRAP_DIR changed carries a hash. Throws
 * KnownError when no file can have it.
 */
export function systemName(spec: SystemSpec, config: Config, bootPackages: readonly string[]): string {
  const name = isCommon(spec, config, bootPackages) ? plainName(spec) : hashedName(spec);
  if (Buffer.byteLength(name) <= longestName) return name;
  throw new KnownError(`SUITE and ARCH make a file name of ${String(Buffer.byteLength(name))} bytes`, {
    hint: "check SUITE: it is a release's name, for example trixie",
  });
}

/** The settings that were chosen and that an administrator's own tar cannot be known to hold. */
export function chosenSettings(config: Config, bootPackages: readonly string[]): readonly string[] {
  const chosen = shapingSettings.filter((name) => !["SUITE", "ARCH"].includes(name) && isChosen(config, name));
  return bootPackages.length === 0 ? chosen : [...chosen, `packages for booting (${bootPackages.join(" ")})`];
}

function isCommon({ debootstrapDir }: SystemSpec, config: Config, bootPackages: readonly string[]): boolean {
  // We cannot tell whether a variant exported a variable that is not a setting.
  return (
    debootstrapDir === undefined &&
    bootPackages.length === 0 &&
    !shapingSettings.some((name) => isSpecial(config, name))
  );
}

function isSpecial(config: Config, name: string): boolean {
  const origin = config.origins[name];
  if (origin?.kind === "os-parameter") return true;
  return origin?.kind === "file" && config.variant !== undefined && isVariantFile(config, origin.path);
}

function isVariantFile(config: Config, path: string): boolean {
  return resolve(path).startsWith(`${resolve(config.variantsDir)}/`);
}

function isChosen(config: Config, name: string): boolean {
  const origin = config.origins[name];
  return origin !== undefined && origin.kind !== "default";
}

// The order of the fields must not depend on who made the object (a manifest read back, a spec just computed).
function serialised(spec: SystemSpec): string {
  return JSON.stringify(Object.entries(spec).sort(([a], [b]) => (a < b ? -1 : 1)));
}

function sortedSet(values: readonly string[]): string[] {
  return [...new Set(values)].sort();
}
