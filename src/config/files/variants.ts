import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { ifThere } from "../../host/files/absent.ts";
import type { Installation } from "../../host/installation.ts";

/** Why `variant` is not a valid name; undefined when it can name a file. */
export function variantNameProblem(variant: string): string | undefined {
  if (variant.includes("/") || variant.includes("..") || /[\s\p{Cc}]/u.test(variant)) {
    return `OS_VARIANT=${JSON.stringify(variant)} is not a valid variant name: it must not contain a slash, two dots in a row or blanks`;
  }
  return undefined;
}

/** The file of a variant. */
export function variantFile(variantsDir: string, variant: string): string {
  return `${variantsDir}/${variant}.conf`;
}

/** The variants that Ganeti offers: `variants.list` of the OS definition, without comments and blank lines. */
export async function publishedVariants({ osDir }: Pick<Installation, "osDir">): Promise<readonly string[]> {
  const text = (await ifThere(readFile(join(osDir, "variants.list"), "utf8"))) ?? "";
  return text
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "" && !line.startsWith("#"));
}

/** The variants that have a file, published or not. */
export async function configuredVariants(variantsDir: string): Promise<readonly string[]> {
  const names = (await ifThere(readdir(variantsDir))) ?? [];
  return names
    .filter((name) => name.endsWith(".conf") && !name.startsWith("."))
    .map((name) => name.slice(0, -".conf".length))
    .sort();
}

/** Why there is nothing to evaluate for `variant`, and the remedy. A published variant gets another text. */
export async function missingVariant(
  variant: string,
  variantsDir: string,
  installation: Pick<Installation, "osDir">,
): Promise<string> {
  const file = variantFile(variantsDir, variant);
  const found = await stat(file).catch(() => undefined);
  if (found?.isFile() === true) return `${file}, the settings of variant ${variant}, cannot be read`;
  if (!(await isDirectory(variantsDir)))
    return `VARIANTS_DIR=${variantsDir}, the directory of the variants, does not exist`;
  const list = join(installation.osDir, "variants.list");
  return (await publishedVariants(installation)).includes(variant)
    ? `variant ${variant} is published in ${list} but has no settings: create ${file} (it may be empty) or remove the line`
    : `unknown variant ${variant}: it is not published in ${list} and has no settings in ${file}; create that file to support it`;
}

async function isDirectory(path: string): Promise<boolean> {
  const stats = await stat(path).catch(() => undefined);
  return stats?.isDirectory() === true;
}
