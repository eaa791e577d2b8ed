import { UsageError } from "../host/errors.ts";
import { parseArguments } from "./arguments.ts";
import { type Environment, parseVariables, readNics, withPrefix } from "./environment.ts";
import type { Instance, InstanceDisk, OsRequest } from "./request.ts";
import { type Action, HelpRequested, synopsis, usage } from "./usage.ts";

export { HelpRequested };

/** The OS API versions that the scripts serve, as in the file `ganeti_api_version`. */
export const apiVersions = [20, 15, 10, 5] as const;
type ApiVersion = (typeof apiVersions)[number];

/**
 * Reads the request to the script `action` from its flags (OS API 5) or variables (10, 15, 20). Touches nothing. Throws
 * HelpRequested for -h and --help, and one UsageError with all problems of a wrong call.
 */
export function parseRequest(
  action: Action,
  argv: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
): OsRequest {
  if (argv.includes("-h") || argv.includes("--help")) throw new HelpRequested(usage(action));
  const given = defined(environment);
  const version = apiVersion(given);
  if (version === undefined) throw unknownVersion(given.OS_API_VERSION ?? "");
  const problems: string[] = [];
  const request = read(action, version, argv, given, problems);
  if (problems.length > 0) {
    throw new UsageError(problems.join("\n"), { hint: `${synopsis(action)}\n${action} --help prints more` });
  }
  return request;
}

function defined(environment: Readonly<Record<string, string | undefined>>): Environment {
  return Object.fromEntries(
    Object.entries(environment).filter((entry): entry is [string, string] => entry[1] !== undefined),
  );
}

function apiVersion({ OS_API_VERSION = "" }: Environment): ApiVersion | undefined {
  if (OS_API_VERSION === "") return 5;
  return apiVersions.find((version) => String(version) === OS_API_VERSION);
}

function unknownVersion(given: string): UsageError {
  const served = [...apiVersions].reverse().join(", ");
  return new UsageError(`unknown OS_API_VERSION ${JSON.stringify(given)}: this OS definition serves ${served}`);
}

function read(
  action: Action,
  version: ApiVersion,
  argv: readonly string[],
  environment: Environment,
  problems: string[],
): OsRequest {
  if (action === "verify") return readVerify(version, argv, environment, problems);
  return version === 5
    ? readFlags(action, argv, environment, problems)
    : readVariables(action, version, argv, environment, problems);
}

function readVerify(
  version: ApiVersion,
  argv: readonly string[],
  environment: Environment,
  problems: string[],
): OsRequest {
  const [subject, ...rest] = argv;
  if (subject !== undefined && subject !== "parameters") problems.push(unexpected(subject));
  problems.push(...rest.map(unexpected));
  return { action: "verify", ...common(version, environment) };
}

function readFlags(
  action: Exclude<Action, "verify">,
  argv: readonly string[],
  environment: Environment,
  problems: string[],
): OsRequest {
  const { values, problems: found } = parseArguments(action, argv);
  problems.push(...found);
  const disk = values.b ?? "";
  const swapDevice = values.s;
  const paths = swapDevice === undefined ? [disk] : [disk, swapDevice];
  const instance = instanceOf(values.i ?? values.n ?? "", paths.map(plainDisk), environment);
  const shared = { ...common(5, environment), instance, disk };
  switch (action) {
    case "create":
      return { action, ...shared, swapDevice, reinstall: false };
    case "import":
      return { action, ...shared, diskIndex: 0, swapDevice };
    case "export":
      return { action, ...shared, diskIndex: 0, sizeDescriptor: undefined };
    case "rename":
      return { action, ...shared, oldName: values.o ?? "", swapDevice };
  }
}

function readVariables(
  action: Exclude<Action, "verify">,
  version: ApiVersion,
  argv: readonly string[],
  environment: Environment,
  problems: string[],
): OsRequest {
  problems.push(...argv.map((word) => `${unexpected(word)}: OS_API_VERSION=${String(version)} allows no arguments`));
  const { name, oldName, disk, diskIndex, sizeDescriptor, disks } = parseVariables(action, environment, problems);
  const shared = { ...common(version, environment), instance: instanceOf(name, disks, environment), disk };
  switch (action) {
    case "create":
      return { action, ...shared, swapDevice: undefined, reinstall: environment.INSTANCE_REINSTALL === "1" };
    case "import":
      return { action, ...shared, diskIndex, swapDevice: undefined };
    case "export":
      return { action, ...shared, diskIndex, sizeDescriptor };
    case "rename":
      return { action, ...shared, oldName, swapDevice: undefined };
  }
}

function unexpected(word: string): string {
  return `unexpected argument ${JSON.stringify(word)}`;
}

function common(version: ApiVersion, environment: Environment) {
  return {
    apiVersion: version,
    debug: /^[1-9]/.test(environment.DEBUG_LEVEL ?? ""),
    variant: environment.OS_VARIANT === "" ? undefined : environment.OS_VARIANT,
    osParameters: withPrefix(environment, "OSP_"),
    environment,
  };
}

function plainDisk(path: string, index: number): InstanceDisk {
  return {
    index,
    path,
    uri: undefined,
    sizeMiB: undefined,
    access: "rw",
    name: undefined,
    uuid: undefined,
    role: undefined,
  };
}

// Flags do not describe the hypervisor and the network. When the environment does, it counts with OS API 5 as well.
function instanceOf(name: string, disks: readonly InstanceDisk[], environment: Environment): Instance {
  const parameters = withPrefix(environment, "INSTANCE_HV_");
  return {
    name,
    hypervisor: environment.HYPERVISOR === "" ? undefined : environment.HYPERVISOR,
    hypervisorParameters: Object.fromEntries(
      Object.entries(parameters).map(([parameter, value]) => [parameter.toLowerCase(), value]),
    ),
    disks,
    nics: readNics(environment),
  };
}
