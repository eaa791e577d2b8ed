import type { Config } from "../config/config.ts";
import type { RootDevice } from "../devices/lay-out.ts";
import type { RootedFiles } from "../host/rooted-files.ts";
import type { Instance } from "../os-api/request.ts";

/** A guest just installed, to be made bootable. */
export interface BootTarget {
  readonly config: Config;
  readonly instance: Instance;
  /** The guest's files, mounted read-write with device nodes and programs allowed. */
  readonly files: RootedFiles;
  readonly root: RootDevice;
  /** The root filesystem. */
  readonly filesystem: { readonly uuid: string };
}
