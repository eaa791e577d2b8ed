import * as z from "zod/mini";
import { nameProblem } from "./instance-name.ts";
import type { InstanceDisk, InstanceNic } from "./request.ts";
import type { Action } from "./usage.ts";

/** The environment of a script as Ganeti gives it (lib/backend.py, OSEnvironment). */
export type Environment = Readonly<Record<string, string>>;

/** The variables of OS API 10 and later that name the disks and the instance of a script. */
export interface ParsedVariables {
  readonly name: string;
  readonly oldName: string;
  /** The disk to work on. */
  readonly disk: string;
  readonly diskIndex: number;
  readonly sizeDescriptor: number | undefined;
  readonly disks: readonly InstanceDisk[];
}

const name = z.string().check(
  z.check((payload) => {
    const problem = nameProblem(payload.value);
    if (problem !== undefined) payload.issues.push({ code: "custom", message: problem, input: payload.value });
  }),
);
const path = z.string();
const number = z.pipe(
  z.string().check(z.regex(/^[0-9]{1,5}$/, "is not a number")),
  z.transform((digits: string) => Number(digits)),
);
const descriptor = number.check(z.minimum(3, "is not a descriptor above 2"));

const common = { INSTANCE_NAME: name, HYPERVISOR: z.string(), DISK_COUNT: number, NIC_COUNT: z.optional(number) };

// EXPORT_DEVICE is the older name of EXPORT_DISK_PATH; Ganeti gives both (IMPORT_* alike).
const schemas = {
  create: z.object({ ...common }),
  rename: z.object({ ...common, OLD_INSTANCE_NAME: name }),
  import: z.object({ ...common, IMPORT_DEVICE: path, IMPORT_INDEX: z.optional(number) }),
  export: z.object({
    ...common,
    EXPORT_DEVICE: path,
    EXPORT_INDEX: z.optional(number),
    EXP_SIZE_FD: z.optional(descriptor),
  }),
};

/**
 * Reads the variables that OS API 10, 15 and 20 give `action`. Every problem goes to `problems`. When there is one, the
 * result is incomplete and must not be used.
 */
export function parseVariables(
  action: Exclude<Action, "verify">,
  environment: Environment,
  problems: string[],
): ParsedVariables {
  const given = withoutEmpty(withAlias(environment, problems));
  const { values, missing } = readVariables(action, given, problems);
  const count = asNumber(values.DISK_COUNT);
  const disks = readDisks(environment, count ?? 0);
  const disk = diskOf(action, given, disks, missing, count);
  const diskIndex = asNumber(values.IMPORT_INDEX ?? values.EXPORT_INDEX);
  if (missing.length > 0) problems.unshift(`missing variables: ${missing.join(", ")}`);
  problems.push(...countProblems(action, given, disks, count, diskIndex));
  return {
    name: given.INSTANCE_NAME ?? "",
    oldName: given.OLD_INSTANCE_NAME ?? "",
    disk: disk ?? "",
    diskIndex:
      diskIndex ??
      Math.max(
        0,
        disks.findIndex((candidate) => candidate.path === disk),
      ),
    sizeDescriptor: asNumber(values.EXP_SIZE_FD),
    disks,
  };
}

function withAlias(environment: Environment, problems: string[]): Environment {
  const filled: Record<string, string> = { ...environment };
  for (const direction of ["IMPORT", "EXPORT"]) {
    const [older, newer] = [`${direction}_DEVICE`, `${direction}_DISK_PATH`] as const;
    const [first, second] = [environment[older] ?? "", environment[newer] ?? ""];
    if (first !== "" && second !== "" && first !== second) {
      problems.push(`${older}=${first} and ${newer}=${second} differ`);
    }
    filled[older] = first === "" ? second : first;
  }
  return filled;
}

// An empty variable counts as an absent one: Ganeti leaves out values it does not have, and shells set empty ones easily.
function withoutEmpty(environment: Environment): Environment {
  return Object.fromEntries(Object.entries(environment).filter(([, value]) => value !== ""));
}

type Values = Readonly<Partial<Record<string, unknown>>>;

function readVariables(
  action: Exclude<Action, "verify">,
  given: Environment,
  problems: string[],
): { readonly values: Values; readonly missing: string[] } {
  const result = schemas[action].safeParse(given);
  if (result.success) return { values: result.data, missing: [] };
  const missing: string[] = [];
  const wrong = new Set<string>();
  for (const issue of result.error.issues) {
    const variable = String(issue.path[0]);
    wrong.add(variable);
    if (given[variable] === undefined) missing.push(variable);
    else if (issue.code === "custom") problems.push(`${variable} ${issue.message}`);
    else problems.push(`${variable}=${given[variable]} ${issue.message}`);
  }
  return { values: sound(action, given, wrong), missing };
}

// The values that can be read although others are wrong, for the checks that depend on them.
function sound(action: Exclude<Action, "verify">, given: Environment, wrong: ReadonlySet<string>): Values {
  const shape: Readonly<Record<string, z.ZodMiniType>> = schemas[action].shape;
  return Object.fromEntries(
    Object.entries(shape)
      .filter(([variable]) => !wrong.has(variable))
      .map(([variable, type]) => [variable, type.parse(given[variable])]),
  );
}

function diskOf(
  action: Exclude<Action, "verify">,
  given: Environment,
  disks: readonly InstanceDisk[],
  missing: string[],
  count: number | undefined,
): string | undefined {
  if (action === "import") return given.IMPORT_DEVICE;
  if (action === "export") return given.EXPORT_DEVICE;
  const disk = given.DISK_0_PATH;
  if (disk === undefined && count !== 0 && disks[0]?.uri === undefined) missing.push("DISK_0_PATH");
  return disk;
}

function countProblems(
  action: Exclude<Action, "verify">,
  given: Environment,
  disks: readonly InstanceDisk[],
  count: number | undefined,
  index: number | undefined,
): readonly string[] {
  if (count === 0) return ["DISK_COUNT=0: the instance has no disk to work on"];
  const first = disks[0];
  const problems: string[] = [];
  if ((action === "create" || action === "rename") && first?.uri !== undefined && first.path === undefined) {
    problems.push(`only the hypervisor can reach disk 0 (DISK_0_URI=${first.uri}, no DISK_0_PATH)`);
  }
  if (action === "create" && first?.role !== undefined && first.role !== "") {
    problems.push(`disk 0 is not a root disk: its role is ${first.role} (DISK_0_ROLE)`);
  }
  const asked = index === undefined ? undefined : disks[index];
  if ((action === "export" || action === "import") && asked?.role !== undefined) {
    const number = String(asked.index);
    problems.push(`disk ${number} is not for ${action}: its role is ${asked.role} (DISK_${number}_ROLE)`);
  }
  const variable = action === "import" ? "IMPORT_INDEX" : "EXPORT_INDEX";
  if (index !== undefined && count !== undefined && index >= count) {
    problems.push(`${variable}=${given[variable] ?? ""} is not a disk of the instance: DISK_COUNT=${String(count)}`);
  }
  return problems;
}

function asNumber(value: unknown): number | undefined {
  return typeof value === "number" ? value : undefined;
}

function readDisks(environment: Environment, count: number): readonly InstanceDisk[] {
  return Array.from({ length: count }, (_, index) => {
    const field = (suffix: string): string | undefined => nonEmpty(environment[`DISK_${String(index)}_${suffix}`]);
    return {
      index,
      path: field("PATH"),
      uri: field("URI"),
      sizeMiB: wholeNumber(field("SIZE")),
      // "rw" and "ro"; Ganeti 2.0 wrote "W" always.
      access: field("ACCESS")?.toLowerCase().startsWith("r") === true && field("ACCESS") !== "rw" ? "ro" : "rw",
      name: field("NAME"),
      uuid: field("UUID"),
      role: field("ROLE"),
    };
  });
}

/** The network interfaces (NIC_n_*) of the environment; none when NIC_COUNT is not a number. */
export function readNics(environment: Environment): readonly InstanceNic[] {
  return Array.from({ length: wholeNumber(environment.NIC_COUNT) ?? 0 }, (_, index) => {
    const field = (suffix: string): string | undefined => nonEmpty(environment[`NIC_${String(index)}_${suffix}`]);
    return {
      index,
      mac: field("MAC"),
      ip: field("IP"),
      mode: field("MODE"),
      link: field("LINK"),
      name: field("NAME"),
      networkName: field("NETWORK_NAME"),
      networkSubnet: field("NETWORK_SUBNET"),
      networkGateway: field("NETWORK_GATEWAY"),
      networkSubnet6: field("NETWORK_SUBNET6"),
      networkGateway6: field("NETWORK_GATEWAY6"),
    };
  });
}

/** The variables whose names begin with `prefix`, by the rest of their names. */
export function withPrefix(environment: Environment, prefix: string): Environment {
  return Object.fromEntries(
    Object.entries(environment)
      .filter(([variable]) => variable.startsWith(prefix) && variable.length > prefix.length)
      .map(([variable, value]) => [variable.slice(prefix.length), value]),
  );
}

function nonEmpty(value: string | undefined): string | undefined {
  return value === "" ? undefined : value;
}

function wholeNumber(value: string | undefined): number | undefined {
  return value !== undefined && /^[0-9]{1,15}$/.test(value) ? Number(value) : undefined;
}
