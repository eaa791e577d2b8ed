import type { Command } from "commander";
import { recoverDeadRuns } from "../../devices/recovery.ts";
import { KnownError } from "../../host/errors.ts";
import { requireRoot } from "../root.ts";
import { type AdminContext, asJson, jsonOption, type JsonOption } from "./context.ts";

/** Adds the verb `ganeti-instance-debootstrap gc` to the administrator's command. */
export function registerGcCommand(program: Command, context: AdminContext): void {
  program
    .command("gc")
    .description("release the leftovers of killed runs: loop devices, partition maps, temporary directories")
    .option(...jsonOption)
    .action(({ json }: JsonOption) => collectLeftovers(context, json === true));
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
