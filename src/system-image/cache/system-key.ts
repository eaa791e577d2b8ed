import { createHash } from "node:crypto";
import { resolve } from "node:path";
import type { Config } from "../../config/config.ts";
import { shapingSettings } from "../../settings/settings.ts";
import * as z from "zod/mini";

/** What the system must hold besides what the settings say. */
export interface SystemNeeds {
  /** Packages for booting: a kernel, a boot loader. */
  readonly packages: readonly string[];
  readonly filesystem: Config["filesystem"];
  /** The boot loader that will read the filesystem; it limits the features of mkfs. */
  readonly bootloader: "none" | "grub" | "extlinux";
}

/** All that decides what a bootstrapped system contains; two systems of one key are interchangeable. */
export const cacheKeySchema = z.object({
  /** Version of what we do to a tree before it is cached (tidying, scrubbing, the tar's own options). */
  format: z.int(),
  suite: z.string(),
  arch: z.string(),
  mirror: z.string(),
  components: z.array(z.string()),
  packages: z.array(z.string()),
  engine: z.enum(["debootstrap", "mmdebstrap"]),
  options: z.array(z.string()),
  keyring: z.string(),
  checkSignatures: z.boolean(),
  /** debootstrap's own directory with its suite scripts, where the settings files export another (DEBOOTSTRAP_DIR). */
  debootstrapDir: z.optional(z.string()),
});
export type CacheKey = z.infer<typeof cacheKeySchema>;

/** Raise it when the same settings give another tree: caches of older versions are then rebuilt. */
const format = 1;

/** The key of the system that `config` and `needs` ask for. */
export function cacheKeyOf(config: Config, needs: SystemNeeds): CacheKey {
  const debootstrapDir = config.exported["DEBOOTSTRAP_DIR"];
  return {
    format,
    suite: config.suite,
    arch: config.arch,
    mirror: config.mirror.replace(/\/+$/, ""),
    components: sortedSet(config.components),
    packages: sortedSet([...config.extraPackages, ...needs.packages]),
    engine: config.bootstrap,
    options: [...config.debootstrapOptions],
    keyring: config.keyring,
    checkSignatures: config.checkSignatures,
    ...(debootstrapDir === undefined ? {} : { debootstrapDir }),
  };
}

/** Whether both keys ask for the same system. */
export function sameKey(a: CacheKey, b: CacheKey): boolean {
  return serialised(a) === serialised(b);
}

/** The name every cache of a suite and architecture begins with, and the whole name of the common one. */
export function plainName({ suite, arch }: Pick<CacheKey, "suite" | "arch">): string {
  return `cache-${suite}-${arch}`;
}

/**
 * The name, without extension, under which a system of `key` is kept. The plain name belongs to the settings as they
 * are without a variant; what a variant, an OS parameter, a boot loader or DEBOOTSTRAP_DIR changed carries a hash of its key.
 */
export function cacheName(key: CacheKey, config: Config, needs: SystemNeeds): string {
  const plain = plainName(key);
  return isCommon(key, config, needs) ? plain : `${plain}-${keyHash(key)}`;
}

/** The settings that were chosen and that an administrator's own tar cannot be known to hold. */
export function chosenSettings(config: Config, needs: SystemNeeds): readonly string[] {
  const chosen = shapingSettings.filter((name) => !["SUITE", "ARCH"].includes(name) && isChosen(config, name));
  return needs.packages.length === 0 ? chosen : [...chosen, `packages for booting (${needs.packages.join(" ")})`];
}

/** Short hash of a key, part of a file name. */
export function keyHash(key: CacheKey): string {
  return createHash("sha256").update(serialised(key)).digest("hex").slice(0, 10);
}

function isCommon({ debootstrapDir }: CacheKey, config: Config, needs: SystemNeeds): boolean {
  // Of a variable that is no setting nobody knows whether a variant exported it.
  return (
    debootstrapDir === undefined &&
    needs.packages.length === 0 &&
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

// The order of the fields must not depend on who made the object (a manifest read back, a key just computed).
function serialised(key: CacheKey): string {
  return JSON.stringify(Object.entries(key).sort(([a], [b]) => (a < b ? -1 : 1)));
}

function sortedSet(values: readonly string[]): string[] {
  return [...new Set(values)].sort();
}
