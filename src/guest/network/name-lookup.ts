import { KnownError, messageOf } from "../../host/errors.ts";
import type { Host } from "../../host/host.ts";
import { run } from "../../host/process/run.ts";
import { canonicalAddress, isLocalAddress } from "./addresses.ts";

/** The addresses a name resolves to on the node, canonical; those that only mean the node itself left out. */
export interface ResolvedName {
  readonly ipv4: readonly string[];
  readonly ipv6: readonly string[];
}

/** Rename holds Ganeti's locks: a name server that does not answer must not keep them. */
const lookupSeconds = 5;

/** Resolves `name` as the node's programs do (files, DNS), for a few seconds; a name that does not resolve has no address. */
export async function lookUp(host: Host, name: string): Promise<ResolvedName> {
  const [ipv4, ipv6] = await Promise.all([getent(host, "ahostsv4", name), getent(host, "ahostsv6", name)]);
  return { ipv4, ipv6 };
}

async function getent(host: Host, database: string, name: string): Promise<readonly string[]> {
  try {
    const { stdout } = await run(host, ["getent", database, "--", name], {
      accept: [0, 2],
      timeoutSeconds: lookupSeconds,
    });
    return parseHosts(stdout);
  } catch (error) {
    if (!(error instanceof KnownError) || host.signal.aborted) throw error;
    host.log.warn(`cannot look up ${name}: ${messageOf(error)}`);
    return [];
  }
}

/** The addresses in the output of `getent ahosts`: one a line, repeated for each kind of socket. */
export function parseHosts(text: string): readonly string[] {
  const addresses = text.split("\n").flatMap((line) => canonicalAddress(line.split(/\s/, 1)[0] ?? "") ?? []);
  return [...new Set(addresses)].filter((address) => !isLocalAddress(address));
}
