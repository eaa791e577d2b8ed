import type { GivenParameter } from "./given.ts";
import type { Layered } from "../layers.ts";
import { placeOf } from "../origin.ts";

/**
 * The given OS parameters that ALLOWED_PARAMETERS does not allow: one sentence each, with the remedy. None are reported
 * when `allowed` is undefined, because ALLOWED_PARAMETERS itself is wrong then.
 */
export async function permissionProblems(
  given: readonly GivenParameter[],
  allowed: readonly string[] | undefined,
  setting: Layered,
  defaultsFile: string,
): Promise<readonly string[]> {
  if (allowed === undefined) return [];
  const refused = given.filter((parameter) => !isAllowed(parameter, allowed));
  if (refused.length === 0) return [];
  const place = await placeOf("ALLOWED_PARAMETERS", setting.origin);
  const listed = allowed.length === 0 ? "none" : allowed.join(" ");
  return refused.map(
    ({ name }) =>
      `OS parameter ${name} is not allowed here; allowed are ${listed} (ALLOWED_PARAMETERS, ${place}): ` +
      `leave it out, or set ALLOWED_PARAMETERS="${[...allowed, name].join(" ")}" in ${defaultsFile}`,
  );
}

function isAllowed({ name, needsPermission }: GivenParameter, allowed: readonly string[]): boolean {
  if (allowed.includes(name) || allowed.includes("all")) return true;
  return needsPermission !== true && allowed.includes("harmless");
}
