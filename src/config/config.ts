/** Where a setting's value came from; `file` for a settings file or variant. */
export type SettingOrigin =
  | { readonly kind: "default" }
  | { readonly kind: "environment" }
  | { readonly kind: "os-parameter"; readonly name: string }
  | { readonly kind: "file"; readonly path: string };

/** All settings of a run, checked. Names in comments are those of the settings files. */
export interface Config {
  /** SUITE, as `trixie`. */
  readonly suite: string;
  /** ARCH, Debian's name: resolved, never empty. */
  readonly arch: string;
  /** MIRROR; empty: debootstrap's own default. */
  readonly mirror: string;
  /** PROXY for http and https; empty: none. */
  readonly proxy: string;
  /** EXTRA_PKGS, COMPONENTS: split at commas and spaces. */
  readonly extraPackages: readonly string[];
  readonly components: readonly string[];
  readonly customizeDir: string;
  readonly variantsDir: string;
  readonly cacheDir: string;
  readonly generateCache: boolean;
  /** CLEAN_CACHE in days; undefined: never. */
  readonly cleanCacheDays: number | undefined;
  readonly partitionStyle: "none" | "msdos" | "gpt";
  /** PARTITION_ALIGNMENT in sectors of the disk. */
  readonly partitionAlignment: number;
  readonly partitionMapper: "auto" | "kpartx" | "loop";
  /** OSP_FILESYSTEM. */
  readonly filesystem: "ext2" | "ext3" | "ext4" | "xfs" | "btrfs";
  /** BOOTSTRAP. */
  readonly bootstrap: "debootstrap" | "mmdebstrap";
  /** DEBOOTSTRAP_OPTS, split as a shell splits words. */
  readonly debootstrapOptions: readonly string[];
  /** KEYRING: file; empty: the engine's own choice. */
  readonly keyring: string;
  /** CHECK_SIGNATURES=no switches the check of the archive's signatures off. */
  readonly checkSignatures: boolean;
  /** SCRATCH_DIR for bootstrapping; empty: below CACHE_DIR. */
  readonly scratchDir: string;
  /** IMAGE_CACHE. */
  readonly imageCache: boolean;
  readonly bootloader: "none" | "grub" | "extlinux" | "auto";
  /** KERNEL: `auto`, `none` or a package name. */
  readonly kernel: string;
  readonly exportCompression: "none" | "zstd" | "gzip";
  readonly exportFormat: "tar" | "dump";
  /** IMPORT_NEW_UUIDS: a restored filesystem gets new identifiers instead of its own. */
  readonly importNewUuids: boolean;
  /** The variant in force; undefined: none. */
  readonly variant: string | undefined;
  /** DEBS_CACHE_SIZE: MiB of downloaded packages kept for the next bootstrap; 0: none. */
  readonly debsCacheSizeMiB: number;
  /**
   * What debootstrap and the hooks inherit: the environment of the request as the settings files left it (set, changed,
   * unset). Never log it.
   */
  readonly environment: Readonly<Record<string, string>>;
  /** The part of `environment` that the settings files set or changed and exported. Never log it. */
  readonly exported: Readonly<Record<string, string>>;
  /** All values by setting name as the settings files have them, for hooks (hook-settings.ts). PROXY may hold a password. */
  readonly settings: Readonly<Record<string, string>>;
  /** Origin by setting name, as `SUITE`. */
  readonly origins: Readonly<Record<string, SettingOrigin>>;
}
