import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { checkValues } from "../config/values/check-values.ts";
import { givenParameters, givenValues } from "../config/values/given.ts";
import { KnownError } from "../host/errors.ts";
import type { Host } from "../host/host.ts";
import type { Installation } from "../host/installation.ts";
import type { VerifyRequest } from "../os-api/request.ts";
import { osParameters, variableOfParameter } from "../settings/settings.ts";

/**
 * Checks the OS parameters (OSP_*) of an instance. Ganeti asks one node on behalf of all, so the settings files of this
 * node do not count and are not read. Throws KnownError with all problems. Secret values are never shown.
 */
export async function verify(
  host: Host,
  request: VerifyRequest,
  installation: Pick<Installation, "osDir">,
): Promise<void> {
  const variables = Object.entries(request.osParameters).map(([name, value]) => [`OSP_${name}`, value] as const);
  const { problems } = await checkValues(givenValues(givenParameters(Object.fromEntries(variables), request.action)));
  for (const name of await undeclared(request, installation)) {
    host.log.warn(`OS parameter ${name} is not in parameters.list: only hooks read it`);
  }
  if (problems.length > 0) throw new KnownError(problems.join("\n"));
}

// An administrator may declare further parameters for hooks. Ganeti passes on declared ones only.
async function undeclared(request: VerifyRequest, { osDir }: Pick<Installation, "osDir">): Promise<readonly string[]> {
  const list = await readFile(join(osDir, "parameters.list"), "utf8").catch(() => "");
  const declared = list.split("\n").map((line) => variableOfParameter(line.split(/\s/)[0] ?? ""));
  const known = new Set([...declared, ...osParameters.map(({ variable }) => variable)]);
  return Object.keys(request.osParameters)
    .filter((name) => !known.has(variableOfParameter(name)))
    .map((name) => name.toLowerCase());
}
