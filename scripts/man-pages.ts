// npm run man-pages: writes the manual pages in man/ from the table of settings, from the administrator's command as
// commander has it, and from what is written here. A test compares them.
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { pathToFileURL } from "node:url";
import type { Command } from "commander";
import type { AdminContext } from "../src/commands/admin/context.ts";
import { adminProgram } from "../src/commands/admin/program.ts";
import type { DefaultFacts, PerInstance } from "../src/settings/setting.ts";
import { defaultOf, settingNames, settingOf, type SettingName } from "../src/settings/settings.ts";

const facts: DefaultFacts = { apiVersion: 20, installation: { sysconfdir: "/etc", localstatedir: "/var" } };
const command = "ganeti-instance-debootstrap";

/** The manual pages by file name, as man(7) source. */
export function manPages(version: string): Readonly<Record<string, string>> {
  return {
    [`${command}.8`]: page(`${command}(8)`, version, commandPage()),
    [`${command}.conf.5`]: page(`${command}.conf(5)`, version, settingsPage()),
    [`${command}-hooks.7`]: page(`${command}-hooks(7)`, version, hooksPage()),
  };
}

type Section = readonly [title: string, lines: readonly string[]];

function page(title: string, version: string, sections: readonly Section[]): string {
  const [, name = "", section = ""] = /^(.*)\((\d)\)$/.exec(title) ?? [];
  const head = `.TH ${quoted(name.toUpperCase())} ${section} "" ${quoted(`${command} ${version}`)} "Ganeti"`;
  const body = sections.flatMap(([heading, lines]) => [`.SH ${quoted(heading)}`, ...lines]);
  return `${[head, ".nh", ".ad l", ...body].join("\n")}\n`;
}

function commandPage(): readonly Section[] {
  // Registering verbs needs nothing of the node; running them would.
  const program = adminProgram({} as AdminContext, () => undefined);
  return [
    ["NAME", [text(`${command} - looks after the OS definition of this Ganeti node`)]],
    [
      "SYNOPSIS",
      verbsOf(program)
        .map(synopsis)
        .flatMap((line) => [line, ".br"]),
    ],
    [
      "DESCRIPTION",
      [
        text(
          "Ganeti installs, backs up, restores and renames instances with the five scripts of the OS definition. This " +
            "command is for the administrator of a node: it shows and checks settings, keeps the cache of bootstrapped " +
            "systems, and releases what killed runs left behind. Answers go to standard output, everything else to " +
            "standard error.",
        ),
      ],
    ],
    ["COMMANDS", verbsOf(program).flatMap(verb)],
    [
      "EXIT STATUS",
      [
        ...item("0", "success"),
        ...item("1", "failure; the last lines on standard error say what failed, why, and what helps"),
        ...item("2", "wrong call"),
        ...item("128+n", "ended by signal n, after everything that the run held was released"),
      ],
    ],
    [
      "FILES",
      [
        ...item(`/etc/default/${command}`, `settings, see ${command}.conf(5)`),
        ...item("/etc/ganeti/instance-debootstrap/variants/NAME.conf", "settings of the variant NAME"),
        ...item("/etc/ganeti/instance-debootstrap/hooks", `hooks, see ${command}-hooks(7)`),
        ...item(`/var/cache/${command}`, "the cached systems"),
        ...item(`/run/${command}`, "locks, and the journal of what running scripts hold"),
      ],
    ],
    [
      "SEE ALSO",
      [
        bold(`${command}.conf`) +
          "(5), " +
          bold(`${command}-hooks`) +
          "(7), ganeti-os-interface(7), gnt-os(8), debootstrap(8)",
      ],
    ],
  ];
}

/** All commands that do something, the deepest of each branch. */
function verbsOf(program: Command): readonly Command[] {
  return program.commands.flatMap((child) => (child.commands.length === 0 ? [child] : verbsOf(child)));
}

function pathOf(verb: Command): string {
  return verb.parent === null ? verb.name() : `${pathOf(verb.parent)} ${verb.name()}`;
}

function synopsis(verb: Command): string {
  const usage = verb.usage().replace(/^\[options\]\s*/, "");
  const options = verb.options.map(({ flags }) => `[${flags}]`).join(" ");
  return [bold(pathOf(verb)), escape(options), escape(usage)].filter((part) => part !== "").join(" ");
}

function verb(one: Command): readonly string[] {
  const name = pathOf(one).replace(`${command} `, "");
  const options = one.options.flatMap(({ flags, description }) => [
    ".RS",
    ...item(flags, sentence(description)),
    ".RE",
  ]);
  const usage = one.usage().replace(/^\[options\]\s*/, "");
  return [...item(usage === "" ? name : `${name} ${usage}`, sentence(one.description())), ...options];
}

function settingsPage(): readonly Section[] {
  return [
    ["NAME", [text(`${command}.conf - settings, variants and OS parameters of the OS definition debootstrap`)]],
    [
      "SYNOPSIS",
      [escape(`/etc/default/${command}`), ".br", escape("/etc/ganeti/instance-debootstrap/variants/NAME.conf")],
    ],
    [
      "DESCRIPTION",
      [
        text(
          "The files are read by bash on the node that runs an instance's scripts, and should be the same on all nodes. " +
            "A value counts in this order, the later one wins: built in, environment, the file in /etc/default, the file " +
            "of the variant, the OS parameter given for the instance.",
        ),
        ".PP",
        text(
          `${command} config show prints each setting in force and where it comes from; ${command} config check says what ` +
            "is wrong with the files.",
        ),
      ],
    ],
    ["SETTINGS", settingNames.flatMap(setting)],
    ["OS PARAMETERS", parameters()],
    ["SEE ALSO", [bold(command) + "(8), " + bold(`${command}-hooks`) + "(7), gnt-instance(8)"]],
  ];
}

function setting(name: SettingName): readonly string[] {
  const { help, expected, example, perInstance, defaultWords } = settingOf(name);
  const value = defaultOf(name, facts);
  const inForce = defaultWords ?? (value === "" ? "none" : value);
  const sentences = [
    help,
    `Expected: ${expected}.`,
    `Default: ${inForce}.`,
    ...(example === undefined ? [] : [`Example: ${name}="${example}".`]),
    ...(perInstance === undefined ? [] : [`OS parameter: ${perInstance.name}.`]),
  ];
  return item(name, sentences.join(" "));
}

function parameters(): readonly string[] {
  return [
    text("They are given with gnt-instance add -O NAME=VALUE, and are the settings of an instance of its own:"),
    ...settingNames.flatMap((name) => parameter(name, settingOf(name).perInstance)),
  ];
}

function parameter(setting: SettingName, perInstance: PerInstance | undefined): readonly string[] {
  if (perInstance === undefined) return [];
  const { name, kind, needsPermission } = perInstance;
  const permission = needsPermission === true ? " ALLOWED_PARAMETERS must name it first." : "";
  return item(name, `${kind}; the setting ${setting}.${permission}`);
}

const hookVariables: Readonly<Record<string, string>> = {
  TARGET: "directory where the guest's root filesystem is mounted",
  "SUITE, ARCH": "the release and architecture that were installed",
  PARTITION_STYLE: "how the disk is partitioned",
  EXTRA_PKGS: "the packages that were added",
  BLOCKDEV: "the instance's disk, always a block device",
  FSYSDEV: "the block device that is mounted at TARGET",
};

function hooksPage(): readonly Section[] {
  return [
    ["NAME", [text(`${command}-hooks - scripts that finish a new guest`)]],
    [
      "DESCRIPTION",
      [
        text(
          "The executables in CUSTOMIZE_DIR (/etc/ganeti/instance-debootstrap/hooks) run at the end of create, in the " +
            "order of their names, which may hold letters, digits, underscores and hyphens only, as run-parts(8) has it. " +
            "They run as root on the node, in the directory of the OS definition and in PID and mount namespaces of their " +
            "own. Their output goes to the log. A hook that fails ends the installation.",
        ),
        ".PP",
        text("Processes that a hook leaves behind are ended when it returns. Data of hooks belongs in hooks/confdata."),
      ],
    ],
    [
      "ENVIRONMENT",
      [
        text("All that Ganeti passes to the scripts (ganeti-os-interface(7)), what the settings files export, and:"),
        ...Object.entries(hookVariables).flatMap(([name, meaning]) => item(name, meaning)),
      ],
    ],
    [
      "FUNCTIONS",
      [
        text(
          "A hook that begins with `. common.sh` has log_error, cleanup and the array CLEANUP, as with the scripts of the " +
            "earlier versions.",
        ),
      ],
    ],
    ["SEE ALSO", [bold(command) + "(8), " + bold(`${command}.conf`) + "(5), run-parts(8)"]],
  ];
}

function item(term: string, description: string): readonly string[] {
  return [".TP", bold(term), text(description)];
}

function sentence(words: string): string {
  const begun = words.charAt(0).toUpperCase() + words.slice(1);
  return /[.!?]$/.test(begun) ? begun : `${begun}.`;
}

function bold(words: string): string {
  return String.raw`\fB${escape(words)}\fR`;
}

// A line that begins with a dot or an apostrophe would be a request to roff.
function text(words: string): string {
  return escape(words).replace(/^([.'])/, String.raw`\&$1`);
}

function escape(words: string): string {
  return words.replaceAll("\\", String.raw`\e`).replaceAll("-", String.raw`\-`);
}

function quoted(words: string): string {
  return `"${words.replaceAll('"', '""')}"`;
}

/** The version of package.json. */
export function projectVersion(): string {
  return (JSON.parse(readFileSync("package.json", "utf8")) as { version: string }).version;
}

function main(): void {
  mkdirSync("man", { recursive: true });
  for (const [name, source] of Object.entries(manPages(projectVersion()))) writeFileSync(`man/${name}`, source);
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) main();
