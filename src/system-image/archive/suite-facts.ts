import { KnownError } from "../../host/errors.ts";
import type { Host } from "../../host/host.ts";
import { run } from "../../host/process/run.ts";
import { findCommand } from "../../host/process/tools.ts";
import { familyScripts, releaseOf } from "../../releases/release.ts";
import { type BootstrapMeans, engineEnvironment } from "./bootstrap-means.ts";
import type { SystemSpec } from "../spec/system-spec.ts";

/** What debootstrap knows about a suite. */
export interface SuiteFacts {
  /** Its default mirror for the architecture. */
  readonly mirror: string;
  /** File of the keys that sign the suite; empty: debootstrap names none. */
  readonly keyring: string;
  /** Path of the script to use, where debootstrap has none of the suite's own: that of its family. */
  readonly script: string | undefined;
}

// A suite script is shell that calls these functions of debootstrap when it is sourced.
const asking = `
info() { :; }; warning() { :; }; error() { exit 1; }
mirror_style() { :; }; download_style() { :; }; finddebs_style() { :; }; variants() { :; }; force_md5() { :; }
in_path() { command -v "$1" >/dev/null; }; doing_variant() { [ "$1" = - ]; }
default_mirror() { mirror=$1; }; keyring() { keys=$1; }
SUITE=$1 ARCH=$2 TARGET=/nonexistent HOST_OS=linux KEYRING= keys=
mirror=$(sed -n 's/^DEF_MIRROR="\\(.*\\)"$/\\1/p' "$3")
own=$DEBOOTSTRAP_DIR/scripts/$SUITE family=$4
[ ! -e "$own" ] || family=
[ -e "\${family:-$own}" ] || exit 66
. "\${family:-$own}" >/dev/null
printf '%s\\n' "$mirror" "$keys" "$family"`;

const noScript = 66;

/**
 * Asks debootstrap's script of the suite, or of the suite's family where debootstrap is older than the suite (bookworm's
 * has no noble); undefined when debootstrap is not installed. Throws KnownError when it has neither.
 */
export async function suiteFacts(
  host: Host,
  spec: Pick<SystemSpec, "suite" | "arch" | "debootstrapDir">,
  means: Pick<BootstrapMeans, "environment">,
): Promise<SuiteFacts | undefined> {
  const program = findCommand(host, "debootstrap");
  if (program === undefined) return undefined;
  const env = { DEBOOTSTRAP_DIR: "/usr/share/debootstrap", ...engineEnvironment(spec, means) };
  const { family } = releaseOf(spec.suite);
  const ofFamily = family === undefined ? "" : `${env.DEBOOTSTRAP_DIR}/scripts/${familyScripts[family]}`;
  const argv = ["sh", "-c", asking, "suite", spec.suite, spec.arch, program, ofFamily] as const;
  const { exitCode, stdout } = await run(host, argv, { env, accept: [0, noScript] });
  if (exitCode === noScript) {
    throw new KnownError(`debootstrap has no script for the suite ${spec.suite}`, {
      hint: `check SUITE; a newer suite needs a newer debootstrap, or a link in ${env.DEBOOTSTRAP_DIR}/scripts to the script of an older one`,
    });
  }
  const [mirror = "", keyring = "", script = ""] = stdout.split("\n");
  if (script !== "") host.log.info(`debootstrap has no script for ${spec.suite}: ${script} is used`);
  return { mirror, keyring, script: script === "" ? undefined : script };
}
