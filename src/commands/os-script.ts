import type { Config } from "../config/config.ts";
import { loadConfig } from "../config/load.ts";
import { recoverDeadRuns } from "../devices/recovery.ts";
import type { Host } from "../host/host.ts";
import { hasPrivateMounts, type Installation } from "../host/installation.ts";
import { openRunDirectory } from "../host/run-host.ts";
import { requireTools } from "../host/process/tools.ts";
import { toolsFor } from "../host/process/tools-table.ts";
import { withCommandTimeout } from "../host/process/time-limits.ts";
import { parseRequest } from "../os-api/parse.ts";
import type { OsRequest, VerifyRequest } from "../os-api/request.ts";
import { requireRoot } from "./root.ts";
import { runScript } from "./run-script.ts";
import { verify } from "./verify.ts";

type DiskRequest = Exclude<OsRequest, VerifyRequest>;

/** Everything that an executable needs to work on a disk. */
interface DiskTask<A> {
  readonly host: Host;
  readonly request: Extract<DiskRequest, { readonly action: A }>;
  readonly config: Config;
  readonly installation: Installation;
}

/** Runs `create`, `import`, `export` or `rename`: `perform` does it once the request and the settings are known. */
export async function runDiskScript<A extends DiskRequest["action"]>(
  action: A,
  perform: (task: DiskTask<A>) => Promise<void>,
): Promise<void> {
  await runScript(action, async ({ host, installation, environment, argv, describe }) => {
    const request = parseRequest(action, argv, environment) as DiskTask<A>["request"];
    describe(`${action} of ${(request as DiskRequest).instance.name}`);
    requireRoot();
    requireTools(host, toolsFor("always", "disk"));
    openRunDirectory(host);
    if (!hasPrivateMounts())
      host.log.warn("running without a mount namespace of its own: a SIGKILL could leave mounts");
    // Not started in parallel: the messages of a recovery must not come after the reason why the run failed.
    await recoverDeadRuns(host);
    const config = await loadConfig(host, request, installation);
    if (config.debugLog) host.log.setVerbose();
    await perform({ host: withCommandTimeout(host, config.commandTimeout), request, config, installation });
  });
}

/** Runs `verify`. */
export async function runVerifyScript(): Promise<void> {
  await runScript("verify", async ({ host, installation, environment, argv }) => {
    await verify(host, parseRequest("verify", argv, environment) as VerifyRequest, installation);
  });
}
