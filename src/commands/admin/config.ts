import type { Command } from "commander";
import { checkConfig, formatCheck } from "../../config/check.ts";
import { formatConfig, showConfig } from "../../config/show.ts";
import { KnownError } from "../../host/errors.ts";
import { type AdminContext, asJson, jsonOption, type JsonOption, settingsRequest } from "./context.ts";

interface ShowOptions extends JsonOption {
  readonly variant?: string;
}

/** Adds the verbs of `ganeti-instance-debootstrap config` to the administrator's command. */
export function registerConfigCommands(program: Command, context: AdminContext): void {
  const { host, installation, answer } = context;
  const config = program.command("config").description("the settings of this node");
  config
    .command("show")
    .description("each setting, its value and where it was set")
    .option("--variant <name>", "with this variant's settings")
    .option(...jsonOption)
    .action(async ({ variant, json }: ShowOptions) => {
      const shown = await showConfig(host, settingsRequest(context, variant), installation);
      answer(json === true ? asJson(shown) : formatConfig(shown));
    });
  config
    .command("check")
    .description("checks the settings without a variant and with each one; exit status 1 when any has a problem")
    .option(...jsonOption)
    .action(async ({ json }: JsonOption) => {
      const results = await checkConfig(host, settingsRequest(context, undefined), installation);
      answer(json === true ? asJson(results) : formatCheck(results));
      const bad = results.filter(({ problems }) => problems.length > 0).length;
      if (bad > 0) throw new KnownError(`${String(bad)} of ${String(results.length)} configurations have problems`);
    });
}
