import { writeFile } from "node:fs/promises";
import type { MirroredDeb } from "./local-mirror.ts";
import { debName } from "./debs-cache.ts";

/**
 * A suite script for debootstrap (its fourth argument) around `inner`, the suite's own by default: the packages, fetched and checked before,
 * are linked into the tree at once. debootstrap itself would copy and check each with some thirty processes, which
 * takes longer than apt's download. A debootstrap that names this step otherwise ignores it and copies them.
 */
export async function writeSuiteScript(
  path: string,
  debs: readonly MirroredDeb[],
  inner = "$DEBOOTSTRAP_DIR/scripts/$SUITE",
): Promise<void> {
  const paths = debs.map(({ package: deb }) => `${deb.name} /var/cache/apt/archives/${debName(deb)}`);
  await writeFile(`${path}.debpaths`, `${paths.join("\n")}\n`);
  await writeFile(`${path}.files`, debs.map((deb) => `${deb.path}\n`).join(""));
  await writeFile(path, script(path, inner, debs.map(({ package: { name } }) => name).join(" ")));
}

function script(path: string, inner: string, names: string): string {
  return `# Made by ganeti-instance-debootstrap for one run.
if [ -n "$VARIANT" ] && [ -e "$DEBOOTSTRAP_DIR/scripts/$SUITE.$VARIANT" ]; then
  . "$DEBOOTSTRAP_DIR/scripts/$SUITE.$VARIANT"
else
  . "${inner}"
fi
gid_script='${path}'
gid_names=' ${names} '
download_release() {
  for p in $*; do
    case "$gid_names" in
    *" $p "*) ;;
    *) error 1 LEFTOVERDEBS "Couldn't find these debs: %s" "$p" ;;
    esac
  done
  mkdir -p "$TARGET/var/cache/apt/archives"
  xargs -d '\\n' cp -l -t "$TARGET/var/cache/apt/archives" <"$gid_script.files"
  cp "$gid_script.debpaths" "$TARGET/debootstrap/debpaths"
}
# The tree is scratch: it is copied, then removed.
sync() { :; }
`;
}
