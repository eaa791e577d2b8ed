import { Command, CommanderError } from "commander";
import { checkConfig, formatCheck } from "../../config/check.ts";
import type { SettingsRequest } from "../../config/load.ts";
import { formatConfig, showConfig } from "../../config/show.ts";
import { recoverDeadRuns } from "../../devices/recovery.ts";
import { KnownError, UsageError } from "../../host/errors.ts";
import type { Host } from "../../host/host.ts";
import type { Installation } from "../../host/installation.ts";
import { HelpRequested } from "../../os-api/parse.ts";
import { registerCacheCommands } from "./cache.ts";
import { requireRoot } from "../root.ts";

/** The administrator's command: what its verbs share. */
export interface AdminContext {
  readonly host: Host;
  readonly installation: Installation;
  readonly environment: Readonly<Record<string, string>>;
  /** Writes an answer to stdout. */
  readonly answer: (text: string) => void;
}

interface ShowOptions {
  readonly variant?: string;
  readonly json?: boolean;
}

/**
 * Runs `ganeti-instance-debootstrap ARGV`. Throws HelpRequested for --help, UsageError for a wrong call, and what the
 * verb throws.
 */
export async function admin(context: AdminContext, argv: readonly string[]): Promise<void> {
  let help = "";
  const program = adminProgram(context, (text) => {
    help += text;
  });
  try {
    await program.parseAsync([...argv], { from: "user" });
  } catch (error) {
    throw error instanceof CommanderError ? translated(error, help) : error;
  }
}

function adminProgram(context: AdminContext, takeHelp: (text: string) => void): Command {
  const program = new Command("ganeti-instance-debootstrap")
    .description("Looks after the OS definition ganeti-instance-debootstrap of this node")
    .exitOverride()
    .configureOutput({ writeOut: takeHelp, writeErr: takeHelp, outputError: () => undefined });
  addConfig(program, context);
  registerCacheCommands(program, context);
  program
    .command("gc")
    .description("release what runs that were killed have left: loop devices, partition maps, temporary directories")
    .option("--json", "answer in JSON")
    .action(({ json }: { readonly json?: boolean }) => collectLeftovers(context, json === true));
  return program;
}

function addConfig(program: Command, { host, installation, environment, answer }: AdminContext): void {
  const config = program.command("config").description("the settings of this node");
  config
    .command("show")
    .description("each setting, its value and where it was set")
    .option("--variant <name>", "with this variant's settings")
    .option("--json", "answer in JSON")
    .action(async ({ variant, json }: ShowOptions) => {
      const shown = await showConfig(host, settingsRequest(environment, variant), installation);
      answer(json === true ? asJson(shown) : formatConfig(shown));
    });
  config
    .command("check")
    .description("checks the settings without a variant and with each one; exit status 1 when any has a problem")
    .option("--json", "answer in JSON")
    .action(async ({ json }: { readonly json?: boolean }) => {
      const results = await checkConfig(host, settingsRequest(environment, undefined), installation);
      answer(json === true ? asJson(results) : formatCheck(results));
      const bad = results.filter(({ problems }) => problems.length > 0).length;
      if (bad > 0) throw new KnownError(`${String(bad)} of ${String(results.length)} configurations have problems`);
    });
}

async function collectLeftovers({ host, answer }: AdminContext, json: boolean): Promise<void> {
  requireRoot();
  const report = await recoverDeadRuns(host);
  answer(
    json
      ? asJson(report)
      : [...report.released.map((what) => `released ${what}`), `dead runs: ${String(report.runs)}`, ""].join("\n"),
  );
  if (report.kept.length > 0) {
    throw new KnownError(`not released: ${report.kept.map(({ what, reason }) => `${what} (${reason})`).join("; ")}`);
  }
}

// Settings depend on the OS API version only by their defaults; by hand the newest counts.
function settingsRequest(environment: Readonly<Record<string, string>>, variant: string | undefined): SettingsRequest {
  return { action: "config", apiVersion: 20, environment, variant };
}

function asJson(value: unknown): string {
  return `${JSON.stringify(value, undefined, 2)}\n`;
}

// Help goes out as it would on stdout; without a verb it is the answer to a wrong call.
function translated(error: CommanderError, help: string): Error {
  if (error.code === "commander.helpDisplayed") return new HelpRequested(help);
  if (error.code === "commander.help") return new UsageError("a verb is missing", { hint: help.trimEnd() });
  const hint = "ganeti-instance-debootstrap --help says more";
  return new UsageError(error.message.replace(/^error: /, ""), { hint });
}
