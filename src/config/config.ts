import type { SettingValues } from "../settings/settings.ts";

/** Where a setting's value came from; `file` for a settings file or variant. */
export type SettingOrigin =
  | { readonly kind: "default" }
  | { readonly kind: "environment" }
  | { readonly kind: "os-parameter"; readonly name: string }
  | { readonly kind: "file"; readonly path: string };

/** All settings of a run, checked, by the keys of the table (settings/settings.ts); ARCH is resolved, never empty. */
export interface Config extends SettingValues {
  /** The variant in force; undefined: none. */
  readonly variant: string | undefined;
  /**
   * The environment that debootstrap and the hooks inherit: that of the request, as the settings files left it (with
   * variables set, changed and unset). Never log it.
   */
  readonly environment: Readonly<Record<string, string>>;
  /** The part of `environment` that the settings files set or changed and exported. Never log it. */
  readonly exported: Readonly<Record<string, string>>;
  /** All values by setting name as the settings files have them, for hooks (hook-settings.ts). PROXY may hold a password. */
  readonly settings: Readonly<Record<string, string>>;
  /** Origin by setting name, for example `SUITE`. */
  readonly origins: Readonly<Record<string, SettingOrigin>>;
}
