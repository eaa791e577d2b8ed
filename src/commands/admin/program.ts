import { Command, CommanderError } from "commander";
import { UsageError } from "../../host/errors.ts";
import { HelpRequested } from "../../os-api/parse.ts";
import { registerCacheCommands } from "./cache.ts";
import { registerConfigCommands } from "./config.ts";
import type { AdminContext } from "./context.ts";
import { registerGcCommand } from "./gc.ts";

/**
 * Runs `ganeti-instance-debootstrap ARGV`. Throws HelpRequested for --help, UsageError for a wrong call, and the errors
 * of the verb.
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

/** The command with all its verbs, which its manual page is made from; `takeHelp` gets what it would print. */
export function adminProgram(context: AdminContext, takeHelp: (text: string) => void): Command {
  const program = new Command("ganeti-instance-debootstrap")
    .description("Looks after the OS definition ganeti-instance-debootstrap of this node")
    .exitOverride()
    .configureOutput({ writeOut: takeHelp, writeErr: takeHelp, outputError: () => undefined });
  registerConfigCommands(program, context);
  registerCacheCommands(program, context);
  registerGcCommand(program, context);
  return program;
}

// Requested help goes to stdout. Without a verb the help is the answer to a wrong call.
function translated(error: CommanderError, help: string): Error {
  if (error.code === "commander.helpDisplayed") return new HelpRequested(help);
  if (error.code === "commander.help") return new UsageError("a verb is missing", { hint: help.trimEnd() });
  const hint = "ganeti-instance-debootstrap --help prints more";
  return new UsageError(error.message.replace(/^error: /, ""), { hint });
}
