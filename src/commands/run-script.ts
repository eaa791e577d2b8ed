import { UsageError } from "../host/errors.ts";
import { failUntilSet } from "../host/exit-status.ts";
import type { Host } from "../host/host.ts";
import { hasPrivateMounts, installation, type Installation } from "../host/installation.ts";
import { reportFailure } from "../host/report.ts";
import { createHost, openRunDirectory } from "../host/run-host.ts";
import { catchSignals } from "../host/signals.ts";
import { answer } from "../host/standard-output.ts";
import { loadConfig } from "../config/load.ts";
import { recoverDeadRuns } from "../devices/recovery.ts";
import { HelpRequested, parseRequest } from "../os-api/parse.ts";
import type { OsRequest } from "../os-api/request.ts";
import { admin } from "./admin.ts";
import { create } from "./create.ts";
import { exportDisk } from "./export.ts";
import { importDisk } from "./import.ts";
import { rename } from "./rename.ts";
import { requireRoot } from "./root.ts";
import { verify } from "./verify.ts";

/** An executable of the OS definition, or the administrator's command. */
export type ScriptName = OsRequest["action"] | "ganeti-instance-debootstrap";

/**
 * Runs one executable to its end and sets the exit status: 0, 2 for a wrong call, 128+n after a signal, else 1. All it
 * has to say goes to stderr, but for the help text and the admin command's answers.
 */
export async function runScript(name: ScriptName): Promise<void> {
  // Ganeti starts us with 077 or 022; what we write must not depend on it.
  process.umask(0o022);
  using signals = catchSignals();
  const environment = definedOnly(process.env);
  const place = installation();
  const host = createHost({
    installation: place,
    path: environment["PATH"],
    signal: signals.signal,
    verbose: isOn(environment["DEBUG_LEVEL"]),
    terminal: process.stderr.isTTY,
  });
  const end = failUntilSet(host.log);
  let task: string = name;
  try {
    if (name === "ganeti-instance-debootstrap") {
      await admin({ host, installation: place, environment, answer }, process.argv.slice(2));
    } else {
      const request = parseRequest(name, process.argv.slice(2), environment);
      task = describeTask(request);
      await perform(host, request, place);
    }
    // What comes while everything is released stops nothing, but the last checks may not have been made.
    host.signal.throwIfAborted();
    end(0);
  } catch (error) {
    end(statusOf(host, task, error));
  } finally {
    host.journal.close();
  }
}

async function perform(host: Host, request: OsRequest, place: Installation): Promise<void> {
  if (request.action === "verify") {
    await verify(host, request, place);
    return;
  }
  requireRoot();
  openRunDirectory(host);
  if (!hasPrivateMounts()) host.log.warn("running without a mount namespace of its own: a SIGKILL could leave mounts");
  // Not at once: what a recovery says must not come after the reason why the run failed.
  await recoverDeadRuns(host);
  const config = await loadConfig(host, request, place);
  switch (request.action) {
    case "create":
      await create(host, request, config, place);
      return;
    case "export":
      await exportDisk(host, request, config);
      return;
    case "import":
      await importDisk(host, request, config);
      return;
    case "rename":
      await rename(host, request, config);
      return;
  }
}

function statusOf(host: Host, task: string, error: unknown): number {
  if (!(error instanceof HelpRequested)) return fail(host, task, error);
  try {
    answer(error.text);
    return 0;
  } catch (failure) {
    return fail(host, task, failure);
  }
}

function fail(host: Host, task: string, error: unknown): number {
  if (error instanceof UsageError) {
    host.log.error(error.message);
    if (error.hint !== undefined) host.log.raw(`${error.hint}\n`);
    return error.exitCode;
  }
  return reportFailure(host.log, task, error);
}

function describeTask(request: OsRequest): string {
  return request.action === "verify" ? "verify" : `${request.action} of ${request.instance.name}`;
}

function isOn(level: string | undefined): boolean {
  return level !== undefined && level !== "" && level !== "0";
}

function definedOnly(environment: NodeJS.ProcessEnv): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(environment).filter((entry): entry is [string, string] => entry[1] !== undefined),
  );
}
