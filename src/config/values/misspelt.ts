import { readFile } from "node:fs/promises";
import { settingNames, settingOf } from "../../settings/settings.ts";
import { nearestName } from "./nearest-name.ts";

/**
 * The variables that settings files set, that nothing reads, and whose names look like those of settings: one sentence
 * each, with the nearest setting. A variable that a file uses or that hooks inherit (`environment`) belongs to the
 * administrator. This is a help and not a parser of bash, so it misses unusual ways of writing an assignment.
 */
export async function misspeltSettings(
  files: readonly string[],
  environment: Readonly<Record<string, string>>,
): Promise<readonly string[]> {
  const texts = await Promise.all(files.map((file) => readFile(file, "utf8").catch(() => "")));
  const isOwn = (name: string): boolean =>
    Object.hasOwn(environment, name) || texts.some((text) => new RegExp(String.raw`\$\{?[#!]?${name}\b`).test(text));
  return files.flatMap((file, index) =>
    assignments(texts[index] ?? "")
      .filter(({ name }) => !known.has(name) && !isOwn(name))
      .flatMap(({ name, line }) => {
        const nearest = nearestName(name, settingNames);
        const where = `${file} line ${String(line)}`;
        return nearest === undefined
          ? []
          : [`${where}: ${name} is not a setting and nothing reads it: did you mean ${nearest}?`];
      }),
  );
}

const known: ReadonlySet<string> = new Set([
  ...settingNames,
  ...settingNames.flatMap((name) => settingOf(name).oldSpelling ?? []),
]);

function assignments(text: string): readonly { readonly name: string; readonly line: number }[] {
  return text.split("\n").flatMap((line, index) => {
    const code = line.replace(/(?:^|\s)#.*$/, "");
    return [...code.matchAll(/(?:^|[\s;{(&|])([A-Z][A-Z0-9_]*)\+?=/g)].map(([, name = ""]) => ({
      name,
      line: index + 1,
    }));
  });
}
