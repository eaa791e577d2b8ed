// npm run generate: writes from the table of settings (src/settings/settings.ts) all texts that show it. A test compares
// them. A further text (a man page, a completion) is one more line in `generated`.
import { readFileSync, writeFileSync } from "node:fs";
import { pathToFileURL } from "node:url";
import type { DefaultFacts } from "../src/settings/setting.ts";
import { defaultOf, osParameters, settingNames, settingOf, type SettingName } from "../src/settings/settings.ts";

const facts: DefaultFacts = { apiVersion: 20, installation: { sysconfdir: "/etc", localstatedir: "/var" } };
const lineLength = 100;

const introduction = `# Settings of ganeti-instance-debootstrap: /etc/default/ganeti-instance-debootstrap
#
# bash reads this file on the node that runs an instance's OS scripts, so keep it the same on all nodes. Everything is
# commented out, and instances can be made without this file. The file of a variant,
# /etc/ganeti/instance-debootstrap/variants/NAME.conf, has the same form and overrides what is set here.
#
# \`ganeti-instance-debootstrap config show\` prints every setting in force and where it comes from.
`;

/** The generated files by their paths: what each has to hold, given what it holds now. */
export const generated: Readonly<Record<string, (now: string) => string>> = {
  defaults: settingsFile,
  "README.md": withReadmeTable,
  "os-definition/parameters.list": parametersList,
  "os-definition/common.sh": withHookDefaults,
};

/** `parameters.list`: a name and a description a line, no others (ganeti-os-interface(7)). */
export function parametersList(): string {
  return osParameters
    .map(({ name, setting, description }) => `${name} ${description ?? settingOf(setting).help}\n`)
    .join("");
}

/** `text` (common.sh) with a fresh list of the settings that hooks find, for one that is run by hand. */
export function withHookDefaults(text: string): string {
  const list = /^(# Settings by hand.*\n)(?:: "\$\{.*\n)*/m;
  if (!list.test(text)) throw new Error("common.sh has no list of settings");
  return text.replace(list, (_, title: string) => `${title}${hookDefaults().join("")}`);
}

// Of computed defaults nothing is known without a node; secrets are not for hooks.
function hookDefaults(): readonly string[] {
  return settingNames
    .filter((name) => typeof settingOf(name).default === "string" && settingOf(name).secret !== true)
    .map((name) => `: "\${${name}=${defaultOf(name, facts)}}"\n`);
}

/** The commented settings file. */
export function settingsFile(): string {
  return [introduction, ...settingNames.map(settingsFileEntry)].join("\n");
}

function settingsFileEntry(name: SettingName): string {
  const { help, example, perInstance } = settingOf(name);
  const value = defaultOf(name, facts);
  const sentences = [
    help,
    ...(example === undefined && value !== "" && !hasWords(name) ? [] : [`Default: ${plainDefault(name)}.`]),
    ...(perInstance === undefined ? [] : [`For one instance: gnt-instance add -O ${perInstance.name}=...`]),
  ];
  const comment = wrap(sentences.join(" "), lineLength).map((line) => `# ${line}\n`);
  return `${comment.join("")}# ${name}="${example ?? value}"\n`;
}

/** The rows of the README's table of settings, its head included. */
export function readmeTable(): string {
  const rows = settingNames.map((name) => {
    const { help, perInstance } = settingOf(name);
    const parameter = perInstance === undefined ? "" : ` OS parameter \`${perInstance.name}\`.`;
    const cells = [`\`${name}\``, markdownDefault(name), `${help}${parameter}`];
    return `| ${cells.map((cell) => cell.replaceAll("|", String.raw`\|`)).join(" | ")} |`;
  });
  return ["| setting | default | meaning |", "|---|---|---|", ...rows, ""].join("\n");
}

/** `text` (the README) with its table of settings replaced by a fresh one. Throws when there is none. */
export function withReadmeTable(text: string): string {
  const table = /^\| setting \| default \| meaning \|\n(?:\|.*\n)*/m;
  if (!table.test(text)) throw new Error("README.md has no table of settings");
  return text.replace(table, () => readmeTable());
}

function hasWords(name: SettingName): boolean {
  return settingOf(name).defaultWords !== undefined;
}

function plainDefault(name: SettingName): string {
  const value = defaultOf(name, facts);
  return settingOf(name).defaultWords ?? (value === "" ? "none" : value);
}

function markdownDefault(name: SettingName): string {
  const value = plainDefault(name);
  return hasWords(name) || value === "none" ? value : `\`${value}\``;
}

function wrap(text: string, length: number): readonly string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    if (line !== "" && line.length + 1 + word.length > length) {
      lines.push(line);
      line = word;
    } else {
      line = line === "" ? word : `${line} ${word}`;
    }
  }
  return [...lines, line];
}

function main(): void {
  for (const [path, text] of Object.entries(generated)) writeFileSync(path, text(readFileSync(path, "utf8")));
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) main();
